import { apply } from "./apply.ts";
import type { Command } from "./commands.ts";
import type { ModelEvent } from "./events.ts";
import { isFarReaching, placesOf, type Place } from "./places.ts";
import { copy, put } from "./records.ts";
import type { ModelState } from "./state.ts";

export type CommandOf<Type extends Command["type"]> = Extract<Command, { type: Type }>;
export type Deciders = {
  readonly [Type in Command["type"]]: (draft: Draft, command: CommandOf<Type>) => void;
};

interface Kept extends Place {
  readonly value: unknown;
  readonly wasThere: boolean;
}

/**
 * A command under decision: each event is applied at once, so that the next rule sees it. What is decided so is, by
 * construction, what `apply` will make of the events. The state is changed for as long as the draft lives, and is put back
 * by `end`: only the values that an event touches are set aside, of a model with a thousand units a few. An event that may
 * reach anywhere makes a copy of the whole state instead.
 */
export class Draft {
  readonly now: number;
  readonly events: ModelEvent[] = [];
  readonly #origin: ModelState;
  #copied: ModelState | undefined;
  readonly #kept: Kept[] = [];
  readonly #seen = new Map<Place["record"], Set<string | number>>();

  constructor(state: ModelState, now: number) {
    this.#origin = state;
    this.now = now;
  }

  get state(): ModelState {
    return this.#copied ?? this.#origin;
  }

  emit(event: ModelEvent): void {
    const frozen = copy(event);
    if (!this.#copied && isFarReaching(frozen)) this.#copyAll();
    else if (!this.#copied) for (const place of placesOf(this.#origin, frozen)) this.#setAside(place);
    apply(this.state, frozen);
    this.events.push(frozen);
  }

  /** All of it, or nothing if it throws. */
  attempt(act: (trial: Draft) => void): void {
    const trial = new Draft(this.state, this.now);
    try {
      act(trial);
    } finally {
      trial.end();
    }
    for (const event of trial.events) this.emit(event);
  }

  /** Puts the state back as it was before the first event. */
  end(): void {
    for (const { record, key, value, wasThere } of this.#kept.splice(0).reverse())
      if (wasThere) put(record, key, value);
      else delete record[key];
    this.#seen.clear();
  }

  #setAside(place: Place) {
    const { record, key, fresh } = place;
    const seen = this.#seen.get(record) ?? new Set();
    if (seen.has(key)) return;
    this.#seen.set(record, seen.add(key));
    const wasThere = Object.hasOwn(record, key);
    const value = record[key];
    this.#kept.push({ ...place, value, wasThere });
    if (wasThere) put(record, key, fresh(value as never));
  }

  #copyAll() {
    const copied = copyState(this.#origin);
    this.end();
    this.#copied = copied;
  }
}

/** Charms are big and never change in place. */
const copyState = ({ charms, ...rest }: ModelState): ModelState => ({ ...copy(rest), charms: { ...charms } });
