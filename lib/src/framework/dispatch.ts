import { JujuLog } from "../log/log.ts";
import { Model } from "../model/model.ts";
import type { Clock } from "../model/unit.ts";
import type { ToolRunner } from "../tools/runner.ts";
import { HookTools } from "../tools/tools.ts";
import type { CharmClass } from "./charm.ts";
import type { DispatchContext } from "./context.ts";
import type { CharmDefinition } from "./definition.ts";
import { CollectStatusEvent } from "./events.ts";
import { Framework } from "./framework.ts";
import { eventName, jujuEvent } from "./juju-event.ts";
import { type StateStore, StoredState } from "./stored.ts";

/** All that a dispatch touches outside the program. */
export interface DispatchWorld {
  readonly context: DispatchContext;
  readonly definition: CharmDefinition;
  readonly runner: ToolRunner;
  readonly store: StateStore;
  readonly clock: Clock;
}

/** One dispatch up to its commit. What the charm throws comes out of `run`; stored state is written only if nothing does. */
export class Dispatch {
  readonly log: JujuLog;
  readonly #world: DispatchWorld;
  readonly #tools: HookTools;

  constructor(world: DispatchWorld) {
    this.#world = world;
    this.#tools = new HookTools(world.runner);
    this.log = new JujuLog(this.#tools);
  }

  async run(CharmType: CharmClass): Promise<void> {
    const framework = this.#framework();
    const charm = new CharmType(framework);
    await framework.replay();
    await emitJujuEvent(framework);
    await collectStatus(framework, "app", charm.on.collectAppStatus.name);
    await collectStatus(framework, "unit", charm.on.collectUnitStatus.name);
    const state = framework.changedState();
    if (state !== undefined) this.#world.store.write(state);
  }

  #framework(): Framework {
    const { context, definition, store, clock } = this.#world;
    const tools = this.#tools;
    const { values, notices } = store.read();
    const model = new Model({ tools, context, definition, clock });
    return new Framework({
      context,
      definition,
      model,
      tools,
      log: this.log,
      stored: new StoredState(values),
      notices,
    });
  }
}

/** An event that the charm does not define or observe is none of its business: that makes going back to an older charm safe. */
async function emitJujuEvent(framework: Framework): Promise<void> {
  const name = eventName(framework.context, framework.definition);
  if (name === undefined || !framework.isObserved(name)) return;
  await framework.emit({ name }, await jujuEvent(name, framework));
}

async function collectStatus(framework: Framework, of: "app" | "unit", name: string): Promise<void> {
  if (!framework.isObserved(name)) return;
  if (of === "app" && !(await framework.model.unit.isLeader())) return;
  const event = new CollectStatusEvent(name);
  await framework.emit({ name }, event);
  if (event.worst !== undefined) await framework.model[of].setStatus(event.worst);
}
