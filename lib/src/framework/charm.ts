import type { CharmMetadata } from "@cantrip/metadata";
import type { CharmTypes, ConfigOf } from "../charm-types.ts";
import type { Log } from "../log/log.ts";
import { EndDispatch } from "../errors.ts";
import { type Parse, parseWith, reasonOf } from "../load.ts";
import type { Model } from "../model/model.ts";
import { CharmEvents } from "./charm-events.ts";
import type { Framework } from "./framework.ts";
import type { StoredState } from "./stored.ts";

/** A charm: its constructor says what it observes. One is made for each dispatch. `Types` is what its files declare. */
export abstract class Charm<Types extends CharmTypes = CharmTypes> {
  readonly framework: Framework;
  readonly on: CharmEvents<Types>;

  constructor(framework: Framework) {
    this.framework = framework;
    this.on = new CharmEvents(framework.definition);
  }

  get model(): Model<Types> {
    return this.framework.model;
  }

  get log(): Log {
    return this.framework.log;
  }

  /** What this unit wants to find again in the next dispatch. What can be read from the world belongs there. */
  get stored(): StoredState {
    return this.framework.stored;
  }

  /**
   * The options as a value of the charm's own. If `parse` throws and `invalid` is "blocked", the reason becomes the status, and
   * the dispatch ends there, well: only the operator can move this on.
   */
  async loadConfig<Value>(
    parse: Parse<ConfigOf<Types>, Value>,
    { invalid = "throw" }: { invalid?: "blocked" | "throw" } = {},
  ): Promise<Value> {
    const config = await this.model.config();
    try {
      return parseWith(parse, config);
    } catch (error) {
      if (invalid === "throw") throw error;
      await this.model.unit.setStatus({ status: "blocked", message: `Invalid config: ${reasonOf(error)}` });
      throw new EndDispatch(0);
    }
  }

  /** What the charm's metadata.yaml says: name, endpoints, storage, resources. */
  get metadata(): CharmMetadata {
    return this.framework.definition.metadata;
  }

  /** The directory that the charm was unpacked into. */
  get charmDir(): string {
    return this.framework.context.charmDir;
  }
}

/** The class of a charm, as `main` makes one for its dispatch. */
export type CharmClass = new (framework: Framework) => Charm;
