import type { CharmMetadata } from "@cantrip/metadata";
import type { Log } from "../log/log.ts";
import type { Model } from "../model/model.ts";
import { CharmEvents } from "./charm-events.ts";
import type { Framework } from "./framework.ts";
import type { StoredState } from "./stored.ts";

/** A charm: its constructor says what it observes. One is made for each dispatch. */
export abstract class Charm {
  readonly framework: Framework;
  readonly on: CharmEvents;

  constructor(framework: Framework) {
    this.framework = framework;
    this.on = new CharmEvents(framework.definition);
  }

  get model(): Model {
    return this.framework.model;
  }

  get log(): Log {
    return this.framework.log;
  }

  /** What this unit wants to find again in the next dispatch. What can be read from the world belongs there. */
  get stored(): StoredState {
    return this.framework.stored;
  }

  get metadata(): CharmMetadata {
    return this.framework.definition.metadata;
  }

  /** The directory that the charm was unpacked into. */
  get charmDir(): string {
    return this.framework.context.charmDir;
  }
}

export type CharmClass = new (framework: Framework) => Charm;
