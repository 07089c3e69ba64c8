/**
 * Leadership, alive: the model's terms of office on the controller's clock, with a timer for the next end. What is due is
 * carried out by one pass at a time, so that between looking and acting nobody else elects.
 */
import {
  beginTerms,
  claimLeadership,
  nextTermEnd,
  renewTerms,
  settleLeadership,
  type LeadershipChange,
  type Terms,
} from "@cantrip/model";
import type { LiveModel } from "../models.ts";
import type { Clock } from "./clock.ts";

/** After a change that could not be carried out. */
const retryMs = 1_000;

export interface LeasesOptions {
  readonly model: LiveModel;
  readonly clock: Clock;
  readonly agentAlive: (unit: string) => boolean;
  readonly onError: (error: unknown) => void;
}

export class Leases {
  readonly #options: LeasesOptions;
  #terms: Terms;
  #last: Promise<void> = Promise.resolve();
  /** asked for, not begun: it will see all that has happened until then */
  #next: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.#terms = beginTerms(options.model.state, options.clock.monotonic());
  }

  /** A sign of life from the agent on the machine. */
  renew(machine: string): void {
    const { model, clock } = this.#options;
    this.#terms = renewTerms(model.state, this.#terms, machine, clock.monotonic());
  }

  /** What `is-leader` answers. */
  async claim(unit: string): Promise<boolean> {
    const { model, clock } = this.#options;
    await this.evaluate();
    const { terms, isLeader } = claimLeadership(model.state, this.#terms, unit, clock.monotonic());
    this.#terms = terms;
    return isLeader;
  }

  /** Ends terms that are over and fills empty offices. Call it when units, agents or leaders changed. */
  evaluate(): Promise<void> {
    this.#next ??= this.#last = this.#last.then(() => {
      this.#next = undefined;
      return this.#pass();
    });
    return this.#next;
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
  }

  /** Trouble with one application does not keep the others waiting. */
  async #pass(): Promise<void> {
    let isWell = true;
    for (const application of Object.keys(this.#options.model.state.applications))
      try {
        await this.#settle(application);
      } catch (error) {
        isWell = false;
        this.#options.onError(error);
      }
    this.#schedule(isWell);
  }

  async #settle(application: string): Promise<void> {
    const { model } = this.#options;
    for (let change = this.#due(application); change; change = this.#due(application))
      await model.execute(change.request, change.source);
  }

  #due(application: string): LeadershipChange | undefined {
    if (this.#closed) return undefined;
    const { model, clock, agentAlive } = this.#options;
    const at = { now: clock.monotonic(), hasAgent: agentAlive };
    const { terms, change } = settleLeadership(model.state, this.#terms, application, at);
    this.#terms = terms;
    return change;
  }

  #schedule(isWell: boolean): void {
    this.#cancelTimer?.();
    if (this.#closed) return;
    const { model, clock } = this.#options;
    const end = nextTermEnd(model.state, this.#terms);
    if (isWell && end === undefined) return;
    const ms = isWell && end !== undefined ? end - clock.monotonic() : retryMs;
    this.#cancelTimer = clock.after(ms, () => void this.evaluate());
  }
}
