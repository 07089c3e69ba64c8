/** What Juju was asked in this dispatch, by key: each is asked once, but for a question that failed, which is asked again. */
export class Answers<Value> {
  readonly #known = new Map<string, Promise<Value>>();

  get(key: string, ask: () => Promise<Value>): Promise<Value> {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const answer = ask().catch((error: unknown) => {
      if (this.#known.get(key) === answer) this.#known.delete(key);
      throw error;
    });
    this.#known.set(key, answer);
    return answer;
  }

  /** What the answer would be by now. */
  set(key: string, value: Value): void {
    this.#known.set(key, Promise.resolve(value));
  }
}
