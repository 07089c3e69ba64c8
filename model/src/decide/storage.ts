/** Storage of units: asked for by the charm's definition, by an operator or by a hook; there once its machine says so. */
import { named } from "@cantrip/metadata";
import type { Deciders, Draft } from "../draft.ts";
import { findApplication, findUnit, storageOf } from "../entities.ts";
import { ModelError } from "../errors.ts";
import type { StorageRequest } from "../hook-changes.ts";
import { own } from "../records.ts";
import { charmOf } from "../settings.ts";
import { dropHook } from "./settle.ts";
import type { StorageInstance } from "../state.ts";

type StorageCommands = Pick<Deciders, "add-storage" | "detach-storage" | "storage-provisioned">;

/** More at once is a slip of the hand. */
const mostAtOnce = 100;

export const storageCommands: StorageCommands = {
  "add-storage": (draft, { unit, name, count }) => addStorage(draft, unit, { name, count }),
  "detach-storage": (draft, { storage: id }) => {
    const instance = findStorage(draft, id);
    const { min } = definitionOf(draft, instance.unit, instance.name);
    const others = alive(draft, instance.unit, instance.name).filter((each) => each.id !== id);
    if (others.length < min)
      throw new ModelError(
        "bad request",
        `cannot detach storage "${id}": charm requires at least ${min} of "${instance.name}"`,
      );
    endStorage(draft, instance);
  },
  "storage-provisioned": (draft, { storage: id, location }) => {
    const instance = own(draft.state.storage?.instances ?? {}, id);
    if (instance && instance.location !== location)
      draft.emit({ type: "storage-located", storageId: id, location });
  },
};

function findStorage({ state }: Draft, id: string): StorageInstance {
  const instance = own(state.storage?.instances ?? {}, id);
  if (!instance) throw new ModelError("not found", `storage ${JSON.stringify(id)} not found`);
  return instance;
}

function definitionOf({ state }: Draft, unit: string, name: string) {
  const charm = charmOf(state, findUnit(state, unit));
  const definition = charm && named(charm.metadata.storage, name);
  if (!definition)
    throw new ModelError("not found", `charm storage ${JSON.stringify(name.slice(0, 80))} not found`);
  return definition;
}

const alive = ({ state }: Draft, unit: string, name: string): StorageInstance[] =>
  storageOf(state, unit).filter((instance) => instance.name === name && instance.life === "alive");

/** @throws ModelError where the charm does not define it, or has as much as it may */
export function addStorage(draft: Draft, unit: string, { name, count }: StorageRequest): void {
  const { storage } = draft.state;
  const what = `cannot add storage ${JSON.stringify(name.slice(0, 80))}`;
  if (!storage) throw new ModelError("not implemented", `${what}: storage is not implemented`);
  const { type: kind, max } = definitionOf(draft, unit, name);
  if (!Number.isSafeInteger(count) || count < 1 || count > mostAtOnce)
    throw new ModelError("bad request", `${what}: expected a count from 1 to ${mostAtOnce}`);
  const wanted = alive(draft, unit, name).length + count;
  if (max !== null && wanted > max)
    throw new ModelError("bad request", `${what}: at most ${max} instances supported, ${wanted} specified`);
  for (let left = count; left > 0; left -= 1) {
    const id = `${name}/${draft.state.storage?.next ?? 0}`;
    draft.emit({ type: "storage-added", storage: { id, name, kind, unit, life: "alive" } });
  }
}

/** What the charm cannot do without. */
export function addRequiredStorage(draft: Draft, unit: string): void {
  const { application } = findUnit(draft.state, unit);
  const charm = charmOf(draft.state, findApplication(draft.state, application));
  for (const { name, min } of charm?.metadata.storage ?? [])
    if (min > 0) addStorage(draft, unit, { name, count: min });
}

/** An instance that the charm was never told of goes as silently. */
function endStorage(draft: Draft, { id, unit, life }: StorageInstance): void {
  const { uniter } = findUnit(draft.state, unit);
  const isTold = uniter.storage?.includes(id) === true || uniter.current?.hook?.storageId === id;
  if (!isTold) forget(draft, id, unit);
  else if (life === "alive") draft.emit({ type: "storage-life-set", storageId: id, life: "dying" });
}

function forget(draft: Draft, id: string, unit: string): void {
  draft.emit({ type: "storage-removed", storageId: id });
  const isStuck = findUnit(draft.state, unit).uniter.failed?.operation.hook?.storageId === id;
  if (isStuck) dropHook(draft, unit);
}

export function removeStorageOf(draft: Draft, unit: string): void {
  for (const { id } of storageOf(draft.state, unit)) draft.emit({ type: "storage-removed", storageId: id });
}
