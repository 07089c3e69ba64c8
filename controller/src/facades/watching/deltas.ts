/** What changed between two looks at a model, as AllWatcher's deltas. */
import type { Entity } from "./entities.ts";

export type Delta = [kind: string, change: "change" | "remove", data: Record<string, unknown>];

/** Remembers what a watcher was told, and says what is new. */
export class Told {
  readonly #told = new Map<string, { kind: string; text: string; data: Record<string, unknown> }>();

  deltas(entities: readonly Entity[]): Delta[] {
    const changes = entities.filter((entity) => this.#isNews(entity));
    const present = new Set(entities.map(keyOf));
    return [...this.#removals(present), ...changes.map(({ kind, data }): Delta => [kind, "change", data])];
  }

  #isNews(entity: Entity): boolean {
    const { kind, data } = entity;
    const text = JSON.stringify(data);
    const isNews = this.#told.get(keyOf(entity))?.text !== text;
    if (isNews) this.#told.set(keyOf(entity), { kind, text, data });
    return isNews;
  }

  /** Clients build entities from what is removed: never a task, never the model (R10); the last full data goes along. */
  #removals(present: ReadonlySet<string>): Delta[] {
    const gone = [...this.#told].filter(([key]) => !present.has(key));
    for (const [key] of gone) this.#told.delete(key);
    return gone
      .map(([, { kind, data }]) => [kind, "remove", data] as Delta)
      .filter(([kind]) => kind !== "action" && kind !== "model")
      .toReversed();
  }
}

const keyOf = ({ kind, id }: Entity): string => `${kind} ${id}`;
