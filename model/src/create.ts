import { copy } from "./records.ts";
import type { ConfigValue, ModelState } from "./state.ts";

export interface NewModel {
  readonly uuid: string;
  readonly name: string;
  readonly owner: string;
  readonly now: number;
  readonly config?: Record<string, ConfigValue>;
  /** its machines provide storage, and tell by `storage-provisioned` where it is */
  readonly storage?: boolean;
}

/** An empty model. */
export function createModel({ uuid, name, owner, now, config = {}, storage = false }: NewModel): ModelState {
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
    ...(storage ? { storage: { instances: {}, next: 0 } } : {}),
    tasks: {},
    operations: {},
    counters: { relation: 0, machine: 0, task: 0, hook: 0, charmRevision: {} },
    createdAt: now,
  };
}
