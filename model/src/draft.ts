import { apply } from "./apply.ts";
import type { Command } from "./commands.ts";
import type { ModelEvent } from "./events.ts";
import { copy } from "./records.ts";
import type { ModelState } from "./state.ts";

export type CommandOf<Type extends Command["type"]> = Extract<Command, { type: Type }>;
export type Deciders = {
  readonly [Type in Command["type"]]: (draft: Draft, command: CommandOf<Type>) => void;
};

/**
 * A command under decision: each event is applied to a copy of the state at once, so that the next rule sees it. What is
 * decided so is, by construction, what `apply` will make of the events.
 */
export class Draft {
  readonly now: number;
  readonly events: ModelEvent[] = [];
  readonly #origin: ModelState;
  #copied: ModelState | undefined;

  constructor(state: ModelState, now: number) {
    this.#origin = state;
    this.now = now;
  }

  get state(): ModelState {
    return this.#copied ?? this.#origin;
  }

  emit(event: ModelEvent): void {
    const frozen = copy(event);
    this.#copied ??= copyState(this.#origin);
    apply(this.#copied, frozen);
    this.events.push(frozen);
  }

  /** All of it, or nothing if it throws. */
  attempt(act: (trial: Draft) => void): void {
    const trial = new Draft(this.state, this.now);
    act(trial);
    for (const event of trial.events) this.emit(event);
  }
}

/** Charms are big and never change in place. */
const copyState = ({ charms, ...rest }: ModelState): ModelState => ({ ...copy(rest), charms: { ...charms } });
