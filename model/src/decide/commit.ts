/** The commit of what a hook has buffered. It throws before the first event that must not be, and then nothing is kept. */
import type { Draft } from "../draft.ts";
import { findUnit, isLeading } from "../entities.ts";
import { ModelError } from "../errors.ts";
import type { HookChanges } from "../hook-changes.ts";
import { amend, own } from "../records.ts";
import { modelSetting } from "../settings.ts";
import { commitPorts } from "./ports.ts";
import { addStorage } from "./storage.ts";
import { commitSecrets } from "./secret-changes.ts";

/** Anything may come over the wire: only what has the shape of changes is taken. */
export function commitChanges(draft: Draft, unit: string, given: unknown): void {
  if (given === undefined || given === null) return;
  const changes = given as Partial<HookChanges>;
  for (const [id, writes] of Object.entries(changes.relations ?? {}))
    commitRelation(draft, unit, Number(id), writes);
  commitState(draft, unit, changes.state);
  commitPorts(draft, unit, changes.ports);
  for (const request of changes.storage ?? []) addStorage(draft, unit, request);
  commitSecrets(draft, unit, changes.secrets ?? []);
}

function commitRelation(
  draft: Draft,
  name: string,
  id: number,
  { unit, application }: HookChanges["relations"][number],
): void {
  const relation = own(draft.state.relations, id);
  if (
    application &&
    Object.keys(application).length > 0 &&
    !isLeading(draft.state, findUnit(draft.state, name))
  )
    throw new ModelError(
      "unauthorized access",
      `cannot write application settings of relation ${id}: unit "${name}" is not the leader`,
    );
  // A relation that was removed by force takes its bags along.
  if (!relation || !Object.hasOwn(relation.unitBags, name)) return;
  const applicationName = findUnit(draft.state, name).application;
  const bags = [
    ["unit", unit, own(relation.unitBags, name)?.values],
    ["application", application, own(relation.applicationBags, applicationName)?.values],
  ] as const;
  for (const [bag, writes, present] of bags) {
    const { set, remove } = difference(strings(writes ?? {}), present ?? {});
    if (Object.keys(set).length + remove.length > 0)
      draft.emit({ type: "relation-data-set", relation: id, unit: name, bag, set, remove });
  }
}

function strings(writes: Record<string, unknown>): Record<string, string> {
  for (const [key, value] of Object.entries(writes))
    if (typeof value !== "string")
      throw new ModelError("bad request", `value of key ${JSON.stringify(key)} is not a string`);
  return writes as Record<string, string>;
}

/** Writes that change nothing make no event, so nobody is woken by them. */
function difference(writes: Record<string, string>, present: Record<string, string>) {
  const set: Record<string, string> = {};
  const remove: string[] = [];
  for (const [key, value] of Object.entries(writes)) {
    if (value === "" && Object.hasOwn(present, key)) remove.push(key);
    if (value !== "" && own(present, key) !== value) amend(set, Object.fromEntries([[key, value]]));
  }
  return { set, remove };
}

function commitState(draft: Draft, unit: string, state: HookChanges["state"] | undefined): void {
  const set = strings(state?.set ?? {});
  const remove = (state?.delete ?? []).filter((key) => !Object.hasOwn(set, key));
  if (Object.keys(set).length + remove.length === 0) return;
  draft.emit({ type: "unit-state-set", unit, set, remove });
  const { charmState } = findUnit(draft.state, unit);
  const size = Object.entries(charmState).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key + value),
    0,
  );
  const limit = Number(modelSetting(draft.state, "max-charm-state-size"));
  if (limit > 0 && size > limit)
    throw new ModelError(
      "quota limit exceeded",
      `max allowed state size exceeded (${limit} bytes): ${size} bytes`,
    );
}
