import { copy } from "./records.ts";
import type { ConfigValue, ModelState } from "./state.ts";

export interface NewModel {
  readonly uuid: string;
  readonly name: string;
  readonly owner: string;
  readonly now: number;
  readonly config?: Record<string, ConfigValue>;
}

/** An empty model. */
export function createModel({ uuid, name, owner, now, config = {} }: NewModel): ModelState {
  return {
    uuid,
    name,
    owner,
    life: "alive",
    config: copy(config),
    constraints: {},
    charms: {},
    applications: {},
    units: {},
    machines: {},
    relations: {},
    secrets: {},
    tasks: {},
    operations: {},
    counters: { relation: 0, machine: 0, task: 0, hook: 0, charmRevision: {} },
    createdAt: now,
  };
}
