/**
 * Which units this unit has seen on each relation. A unit that has not been introduced yet looks just like one that has
 * left, and a fresh leader that took the one for the other would remove every worker; only who was seen can have left.
 * That is nowhere else to be read, hence stored.
 */
import type { StoredState } from "@cantrip/lib";

export class SeenUnits {
  readonly #stored: StoredState;

  constructor(stored: StoredState) {
    this.#stored = stored;
  }

  /**
   * For the leader: recorded units that were seen once and are present no longer. They are remembered for as long as they are
   * recorded: what is stored outlives a hook that is cut off before its commit, and then the record is still there.
   */
  departed(
    relation: number,
    { present, recorded }: { present: readonly string[]; recorded: readonly string[] },
  ): string[] {
    const seen = this.#seen(relation);
    const gone = recorded.filter((unit) => seen.includes(unit) && !present.includes(unit));
    this.#stored.set(key(relation), [...present, ...gone].toSorted());
    return gone;
  }

  /** For everyone else: whoever departs now may be for this unit to deal with, once it leads. */
  note(relation: number, present: readonly string[]): void {
    this.#stored.set(key(relation), [...new Set([...this.#seen(relation), ...present])].toSorted());
  }

  #seen(relation: number): readonly string[] {
    return this.#stored.get<readonly string[]>(key(relation)) ?? [];
  }
}

const key = (relation: number) => `seen-units-${relation}`;
