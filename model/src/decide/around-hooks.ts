/** What the controller does around certain hooks: statuses, scopes of relations, secrets' dates. */
import type { Draft } from "../draft.ts";
import { findUnit, relationsOf } from "../entities.ts";
import { relationKind } from "../hook-kinds.ts";
import { own } from "../records.ts";
import { relationsToEnter } from "../resolver/relation-hooks.ts";
import { modelSetting } from "../settings.ts";
import type { HookInfo, Operation, WorkloadStatus } from "../state.ts";
import { leaveRelation } from "./removal.ts";

/** A due secret whose hook changed nothing is due again after this. */
const secretRetryMs = 300_000;

export function beforeHook(draft: Draft, name: string, { kind, hook }: Operation): void {
  const { uniter } = findUnit(draft.state, name);
  if (kind === "install-charm" && !uniter.statusSet) setStatus(draft, name, "waiting", "agent initialising");
  if (!hook) return;
  if (hook.name === "install" && !uniter.statusSet)
    setStatus(draft, name, "maintenance", "installing charm software");
  if (hook.name === "stop") setStatus(draft, name, "maintenance", "stopping charm software");
  if (hook.name === "remove") setStatus(draft, name, "maintenance", "cleaning up prior to charm deletion");
  if (relationKind(hook) === "created") enterRelations(draft, name);
}

export function afterHook(draft: Draft, name: string, hook: HookInfo): void {
  const { uniter } = findUnit(draft.state, name);
  if (hook.name === "start" && !uniter.statusSet) setStatus(draft, name, "unknown", "");
  if (hook.name === "stop") setStatus(draft, name, "maintenance", "");
  if (hook.name === "remove") removed(draft, name);
  if (hook.name === "config-changed") refreshAddresses(draft, name);
  if (hook.relationId !== undefined && relationKind(hook) === "broken")
    leaveRelation(draft, hook.relationId, name);
  if (hook.storageId !== undefined && hook.name.endsWith("-storage-detaching"))
    draft.emit({ type: "storage-removed", storageId: hook.storageId });
  postponeSecret(draft, name, hook);
}

function removed(draft: Draft, name: string): void {
  setStatus(draft, name, "terminated", "");
  draft.emit({ type: "unit-life-set", unit: name, life: "dead" });
}

function setStatus(draft: Draft, unit: string, status: WorkloadStatus, message: string): void {
  const known = findUnit(draft.state, unit).workloadStatus;
  if (known.status === status && known.message === message) return;
  draft.emit({
    type: "unit-status-set",
    unit,
    status: { status, message, since: draft.now },
    byCharm: false,
  });
}

const addressOf = ({ state }: Draft, unit: string): string =>
  own(state.machines, findUnit(state, unit).machine)?.addresses[0] ?? "";

/** What Juju puts into the bag of every unit. */
function seeds({ state }: Draft, address: string): Record<string, string> {
  if (address === "") return {};
  const configured = String(modelSetting(state, "egress-subnets") ?? "");
  const subnet = `${address}/${address.includes(":") ? 128 : 32}`;
  return {
    "egress-subnets": configured === "" ? subnet : configured,
    "ingress-address": address,
    "private-address": address,
  };
}

/** All new relations are entered together, just before the first of them is announced. */
function enterRelations(draft: Draft, unit: string): void {
  const address = addressOf(draft, unit);
  for (const { id, unitBags } of relationsToEnter(draft.state, findUnit(draft.state, unit)))
    if (!Object.hasOwn(unitBags, unit))
      draft.emit({ type: "relation-entered", relation: id, unit, address, values: seeds(draft, address) });
}

function refreshAddresses(draft: Draft, unit: string): void {
  const address = addressOf(draft, unit);
  for (const { id, unitBags } of relationsOf(draft.state, findUnit(draft.state, unit).application)) {
    const bag = own(unitBags, unit);
    if (!bag || bag.left || bag.address === address || address === "") continue;
    draft.emit({
      type: "relation-data-set",
      relation: id,
      unit,
      bag: "unit",
      set: seeds(draft, address),
      remove: [],
      address,
    });
  }
}

/** Rotated means: there is a new revision. Expired means: the revision is gone. Otherwise the hook comes again. */
function postponeSecret(draft: Draft, unit: string, hook: HookInfo): void {
  const secret = hook.secretId === undefined ? undefined : own(draft.state.secrets, hook.secretId);
  if (!secret || !own(draft.state.units, unit)) return;
  const at = draft.now + secretRetryMs;
  const isDue = secret.rotationDue === true || (secret.nextRotation ?? Infinity) <= draft.now;
  if (hook.name === "secret-rotate" && isDue)
    draft.emit({ type: "secret-rotation-postponed", id: secret.id, at });
  const { secretRevision: revision = 0 } = hook;
  if (hook.name === "secret-expired" && secret.revisions.some((each) => each.revision === revision))
    draft.emit({ type: "secret-expiry-postponed", id: secret.id, revision, at });
}
