/** The model's events a second in one thread, with 1,000 units: as a log is replayed, and as commands are decided and applied. */
import { charmMetadataOf } from "@cantrip/metadata";
import {
  type Charm,
  type Command,
  type ModelEvent,
  type ModelState,
  apply,
  createModel,
  decide,
  nextOperation,
} from "@cantrip/model";
import type { Figure } from "./figure.ts";

const applications = 10;
const unitsEach = 100;
const decideForMs = 4_000;
const replayForMs = 2_000;
const goal = 50_000;

const charm: Charm = {
  url: "local:web-0",
  name: "web",
  revision: 0,
  sha256: "0".repeat(64),
  size: 1,
  metadata: charmMetadataOf({
    name: "web",
    summary: "s",
    description: "d",
    peers: { peers: { interface: "p" } },
  }),
  config: { options: [] },
  actions: { actions: [] },
};

const empty = (): ModelState =>
  createModel({ uuid: "8d1b1a6e-5a2c-4b0f-9c53-0f1e2d3c4b5a", name: "m", owner: "admin", now: 0 });

class Run {
  readonly state = empty();
  readonly log: ModelEvent[] = [];
  #now = 1_000_000;

  do(request: Record<string, unknown> & { type: Command["type"] }): void {
    const events = decide(this.state, { ...request, now: (this.#now += 1) } as unknown as Command);
    for (const event of events) apply(this.state, event);
    this.log.push(...events);
  }

  grow(): void {
    const base = { name: "ubuntu", channel: "24.04" };
    this.do({ type: "add-charm", charm });
    for (let n = 0; n < applications; n += 1)
      this.do({ type: "deploy", application: `web${n}`, charmUrl: charm.url, units: unitsEach, base });
  }

  /** Units take turns: machine up, then each hook started and finished. */
  work(forMs: number): void {
    const end = performance.now() + forMs;
    for (;;)
      for (const { name, machine } of Object.values(this.state.units)) {
        if (performance.now() > end) return;
        if (this.state.machines[machine]?.agentStatus.status !== "started")
          this.do({
            type: "machine-agent",
            machine,
            status: "started",
            message: "",
            bootId: "1",
            addresses: ["10.0.0.1"],
          });
        const operation = nextOperation(this.state, name, this.#now);
        if (operation === undefined) continue;
        this.do({ type: "start-operation", unit: name, operationId: operation.id });
        this.do({ type: "set-status", unit: name, status: "active", message: operation.id });
        this.do({
          type: "finish-operation",
          unit: name,
          operationId: operation.id,
          outcome: { kind: "success" },
        });
      }
  }
}

function replays(log: readonly ModelEvent[]): number {
  const began = performance.now();
  let applied = 0;
  while (performance.now() - began < replayForMs) {
    const state = empty();
    for (const event of log) apply(state, structuredClone(event));
    applied += log.length;
  }
  return applied / ((performance.now() - began) / 1000);
}

export function modelFigures(): Figure[] {
  const run = new Run();
  run.grow();
  const before = run.log.length;
  const began = performance.now();
  run.work(decideForMs);
  const decided = (run.log.length - before) / ((performance.now() - began) / 1000);
  const replayed = replays(run.log);
  const units = applications * unitsEach;
  const figure = (name: string, value: number): Figure => ({
    name: `${name}, ${units} units`,
    value,
    unit: "events/s",
    goal: `≥ ${goal}`,
    ok: value >= goal,
  });
  return [figure("events replayed", replayed), figure("events decided and applied", decided)];
}
