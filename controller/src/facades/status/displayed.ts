/** What statuses depend on beside the model's state. The derivations are the model's own: `displayedStatus` and its like. */
import type { ModelState, Unit } from "@cantrip/model";

/** Whether the agent behind a tag answers. */
export type AgentAlive = (tag: string) => boolean;

/** By number. */
export function unitsOf(state: ModelState, application: string): Unit[] {
  return Object.values(state.units)
    .filter((unit) => unit.application === application)
    .toSorted((a, b) => unitNumber(a.name) - unitNumber(b.name));
}

const unitNumber = (name: string): number => Number(name.slice(name.indexOf("/") + 1));
