/**
 * Which machine agents are there. A heartbeat is memory only; that an agent is lost or back is an event, so that
 * watchers see it and history keeps it. At controller start every agent gets a full grace period.
 */
import type { Machine, Unit } from "@cantrip/model";
import type { LiveModel } from "../models.ts";
import type { Clock } from "./clock.ts";

const silent = "agent is not communicating with the server";

export interface PresenceOptions {
  readonly clock: Clock;
  readonly graceMs?: number;
  readonly onError: (error: unknown) => void;
}

interface Seen {
  at: number;
  monotonic: number;
}

export class Presence {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #onError: (error: unknown) => void;
  readonly #startedAt: number;
  readonly #seen = new Map<string, Seen>();
  readonly #listeners = new Set<(model: LiveModel) => void>();

  constructor({ clock, graceMs = 20_000, onError }: PresenceOptions) {
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#onError = onError;
    this.#startedAt = clock.monotonic();
  }

  /** A sign of life of the agent on `machine`. */
  beat(model: LiveModel, machine: string): void {
    const wasAlive = this.#alive(model, machine);
    this.#seen.set(key(model, machine), { at: this.#clock.now(), monotonic: this.#clock.monotonic() });
    if (!wasAlive) this.#tell(model);
  }

  agentAlive(model: LiveModel, tag: string): boolean {
    const machine = machineOf(model, tag);
    return machine !== undefined && this.#alive(model, machine);
  }

  lastSeen(model: LiveModel, tag: string): number | undefined {
    const machine = machineOf(model, tag);
    return machine === undefined ? undefined : this.#seen.get(key(model, machine))?.at;
  }

  onChange(listener: (model: LiveModel) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Declares lost what has been silent for longer than the grace period. To be called about once a second. */
  async check(models: readonly LiveModel[]): Promise<void> {
    for (const model of models) {
      for (const machine of Object.values(model.state.machines)) {
        if (machine.agentStatus.status !== "started" || this.#recent(model, machine.id)) continue;
        await this.#lose(model, machine).catch(this.#onError);
      }
    }
  }

  /** Records that the agent is there (again). */
  async arrive(
    model: LiveModel,
    machine: string,
    details: { bootId: string; addresses: readonly string[] },
  ): Promise<void> {
    this.beat(model, machine);
    await model.execute(
      { type: "machine-agent", machine, status: "started", message: "", ...details },
      { by: "agent" },
    );
    // The model knows what they were doing; this says that they are there.
    for (const unit of unitsOn(model, machine)) {
      await model.execute(
        { type: "unit-agent", unit: unit.name, status: "idle", message: "" },
        { by: "agent" },
      );
    }
  }

  async #lose(model: LiveModel, machine: Machine): Promise<void> {
    await model.execute(
      { type: "machine-agent", machine: machine.id, status: "down", message: silent },
      { by: "clock" },
    );
    for (const unit of unitsOn(model, machine.id)) {
      await model.execute(
        { type: "unit-agent", unit: unit.name, status: "lost", message: silent },
        { by: "clock" },
      );
    }
    this.#tell(model);
  }

  /** Heard within the grace period; just started counts as heard. */
  #recent(model: LiveModel, machine: string): boolean {
    const seen = this.#seen.get(key(model, machine))?.monotonic ?? this.#startedAt;
    return this.#clock.monotonic() - seen < this.#graceMs;
  }

  #alive(model: LiveModel, machine: string): boolean {
    return this.#seen.has(key(model, machine)) && this.#recent(model, machine);
  }

  #tell(model: LiveModel): void {
    for (const listener of this.#listeners) listener(model);
  }
}

export function unitsOn(model: LiveModel, machine: string): Unit[] {
  return Object.values(model.state.units).filter((u) => u.machine === machine);
}

function machineOf(model: LiveModel, tag: string): string | undefined {
  if (tag.startsWith("machine-")) return tag.slice("machine-".length).replaceAll("-", "/");
  const name = tag.replace(/^unit-/, "").replace(/-(\d+)$/, "/$1");
  return Object.hasOwn(model.state.units, name) ? model.state.units[name]?.machine : undefined;
}

function key(model: LiveModel, machine: string): string {
  return `${model.uuid} ${machine}`;
}
