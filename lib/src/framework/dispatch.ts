import { EndDispatch } from "../errors.ts";
import { JujuLog } from "../log/log.ts";
import { Model } from "../model/model.ts";
import type { Clock } from "../model/unit.ts";
import type { ToolRunner } from "../tools/runner.ts";
import { HookTools } from "../tools/tools.ts";
import type { Charm, CharmClass } from "./charm.ts";
import type { DispatchContext } from "./context.ts";
import type { CharmDefinition } from "./definition.ts";
import { CollectStatusEvent } from "./events.ts";
import { Framework } from "./framework.ts";
import { eventName, jujuEvent } from "./juju-event.ts";
import { OpenWork, UnendedWork } from "./open-work.ts";
import { type StateStore, StoredState } from "./stored.ts";

/** All that a dispatch touches outside the program. */
export interface DispatchWorld {
  readonly context: DispatchContext;
  readonly definition: CharmDefinition;
  readonly runner: ToolRunner;
  readonly store: StateStore;
  readonly clock: Clock;
  /** How long it waits, in the end, for what nobody awaited. */
  readonly unawaitedTimeoutMs?: number;
}

/**
 * One dispatch up to its commit. It ends when all that it began has: also what nobody awaited, as far as that is a hook tool or
 * an event. What the charm throws comes out of `run`; stored state is written only if nothing does.
 */
export class Dispatch {
  readonly log: JujuLog;
  readonly #world: DispatchWorld;
  readonly #tools: HookTools;
  readonly #work = new OpenWork();
  readonly #failed = Promise.withResolvers<never>();
  #early: EndDispatch | undefined;

  constructor(world: DispatchWorld) {
    this.#world = world;
    this.#tools = new HookTools(this.#work.tracked(world.runner));
    this.log = new JujuLog(this.#tools);
  }

  async run(CharmType: CharmClass): Promise<void> {
    const framework = this.#framework();
    await Promise.race([this.#failed.promise, this.#toTheEnd(framework, CharmType)]);
    if (this.#early !== undefined) throw this.#early;
    const state = framework.changedState();
    if (state !== undefined) this.#world.store.write(state);
  }

  /** Takes what was thrown where nobody listens: `run` fails with it, now; an EndDispatch waits for the rest to end. */
  stray(error: unknown): void {
    if (error instanceof EndDispatch) this.#early ??= error;
    else this.#failed.reject(error);
  }

  /** Says that the program has nothing left to wait for: what is open can never end. */
  stalled(): void {
    this.#failed.reject(new UnendedWork(this.#work.names, "waits for what can no longer come"));
  }

  async #toTheEnd(framework: Framework, CharmType: CharmClass): Promise<void> {
    try {
      await deliver(framework, new CharmType(framework));
    } catch (error) {
      if (!(error instanceof EndDispatch)) throw error;
      this.#early ??= error;
    }
    await this.#work.ended(this.#world.unawaitedTimeoutMs);
    await this.log.flush();
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
      work: this.#work,
    });
  }
}

/** In these hooks Juju lets a charm do next to nothing: what was deferred waits for the next one, and so does the status. */
const restricted: ReadonlySet<string> = new Set(["collect-metrics", "meter-status-changed"]);

async function deliver(framework: Framework, charm: Charm): Promise<void> {
  if (restricted.has(framework.context.name)) return;
  await framework.replay();
  await emitJujuEvent(framework);
  await collectStatus(framework, "app", charm.on.collectAppStatus.name);
  await collectStatus(framework, "unit", charm.on.collectUnitStatus.name);
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
