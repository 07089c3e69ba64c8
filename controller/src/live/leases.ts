/**
 * Leadership. Who leads is an event; for how long is kept here, in monotonic time: a term of 60 s that every sign of life
 * of the leader's agent renews. At controller start every leader has a full term. When a term ends, or the leader is gone,
 * the oldest living unit whose agent is there leads.
 */
import type { Application, Unit } from "@cantrip/model";
import type { LiveModel } from "../models.ts";
import type { Clock } from "./clock.ts";
import { unitsOn } from "./presence.ts";

export const termMs = 60_000;

export interface LeasesOptions {
  readonly model: LiveModel;
  readonly clock: Clock;
  readonly agentAlive: (unit: string) => boolean;
  readonly onError: (error: unknown) => void;
}

export class Leases {
  readonly #options: LeasesOptions;
  /** application → leader and end of its term */
  readonly #terms = new Map<string, { unit: string; end: number }>();
  #cancelTimer: (() => void) | undefined;

  constructor(options: LeasesOptions) {
    this.#options = options;
    for (const { name, leader } of this.#applications()) if (leader) this.#begin(name, leader);
  }

  /** Every leader on the machine whose agent gave a sign of life keeps its office. A dying unit does not extend its term. */
  renew(machine: string): void {
    for (const unit of unitsOn(this.#options.model, machine)) {
      if (unit.life === "alive" && this.#leaderOf(unit.application) === unit.name)
        this.#begin(unit.application, unit.name);
    }
  }

  /** is-leader: true promises at least 30 s more. */
  async claim(unitName: string): Promise<boolean> {
    const unit = this.#options.model.state.units[unitName];
    if (!unit) return false;
    await this.evaluate();
    if (this.#leaderOf(unit.application) !== unitName) return false;
    if (unit.life === "alive") this.#begin(unit.application, unitName);
    return this.#remaining(unit.application) >= termMs / 2;
  }

  /** Ends terms that are over and fills empty offices. Call it when units, agents or leaders changed. */
  async evaluate(): Promise<void> {
    for (const application of this.#applications()) {
      await this.#settle(application).catch(this.#options.onError);
    }
    this.#schedule();
  }

  close(): void {
    this.#cancelTimer?.();
  }

  async #settle({ name, leader }: Application): Promise<void> {
    const { model } = this.#options;
    if (leader && this.#terms.get(name)?.unit !== leader) this.#begin(name, leader);
    if (leader && !this.#isOver(name, leader)) return;
    if (leader)
      await model.execute({ type: "depose-leader", application: name, unit: leader }, { by: "clock" });
    this.#terms.delete(name);
    const next = this.#candidate(name);
    if (!next) return;
    await model.execute({ type: "elect-leader", application: name, unit: next.name }, { by: "agent" });
    this.#begin(name, next.name);
  }

  #isOver(application: string, leader: string): boolean {
    const unit = this.#options.model.state.units[leader];
    return !unit || unit.life === "dead" || this.#remaining(application) <= 0;
  }

  #candidate(application: string): Unit | undefined {
    const { model, agentAlive } = this.#options;
    return Object.values(model.state.units)
      .filter((u) => u.application === application && u.life === "alive" && agentAlive(u.name))
      .sort((a, b) => unitNumber(a.name) - unitNumber(b.name))[0];
  }

  #begin(application: string, unit: string): void {
    this.#terms.set(application, { unit, end: this.#options.clock.monotonic() + termMs });
  }

  #remaining(application: string): number {
    return (this.#terms.get(application)?.end ?? 0) - this.#options.clock.monotonic();
  }

  #leaderOf(application: string): string | undefined {
    return this.#options.model.state.applications[application]?.leader;
  }

  #applications(): Application[] {
    return Object.values(this.#options.model.state.applications);
  }

  #schedule(): void {
    this.#cancelTimer?.();
    const ends = this.#applications()
      .filter((a) => a.leader)
      .map((a) => this.#remaining(a.name));
    if (ends.length === 0) return;
    this.#cancelTimer = this.#options.clock.after(
      Math.max(Math.min(...ends), 10),
      () => void this.evaluate(),
    );
  }
}

function unitNumber(name: string): number {
  return Number(name.slice(name.indexOf("/") + 1));
}
