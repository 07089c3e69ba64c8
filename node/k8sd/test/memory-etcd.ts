import type { Write } from "../src/etcd/client.ts";

/** etcd's keys and guarded writes in memory, as far as the store uses them. */
export class MemoryEtcd {
  readonly keys = new Map<string, { value: string; revision: number }>();
  #revision = 1;

  get = (key: string) => {
    const entry = this.keys.get(key);
    return Promise.resolve(entry && { key, value: entry.value, revision: String(entry.revision) });
  };

  list = (prefix: string) =>
    Promise.resolve(
      [...this.keys].flatMap(([key, { value, revision }]) =>
        key.startsWith(prefix) ? [{ key, value, revision: String(revision) }] : [],
      ),
    );

  commit = (writes: readonly Write[]) => {
    const holds = ({ key, expected }: Write) =>
      expected === undefined || expected === String(this.keys.get(key)?.revision ?? 0);
    if (!writes.every(holds)) return Promise.resolve(false);
    this.#revision += 1;
    for (const { key, value } of writes) {
      if (value === undefined) this.keys.delete(key);
      else this.keys.set(key, { value, revision: this.#revision });
    }
    return Promise.resolve(true);
  };
}
