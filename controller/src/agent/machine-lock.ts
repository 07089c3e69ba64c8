/** One hook, action or command at a time on a machine; actions of an execution group wait for each other only. */
export class MachineLock {
  readonly #tails = new Map<string, Promise<void>>();

  async hold<T>(group: string, body: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(group) ?? Promise.resolve();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const tail = before.then(() => held);
    this.#tails.set(group, tail);
    await before;
    try {
      return await body();
    } finally {
      release();
      if (this.#tails.get(group) === tail) this.#tails.delete(group);
    }
  }
}
