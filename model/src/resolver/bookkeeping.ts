/** What a unit agent remembers once an operation is done, or is skipped as if it were. */
import { relationKind } from "../hook-kinds.ts";
import { fraction, own, put } from "../records.ts";
import { modelDurationMs } from "../settings.ts";
import { forgetBag } from "../apply/relations.ts";
import type { HookInfo, ModelState, Operation, Seen, Unit, UniterRelation } from "../state.ts";

/** The next update-status: the interval, spread by a fifth to either side, so that units don't march in step. */
export function updateStatusAt(state: ModelState, unit: Unit, at: number): number {
  const interval = modelDurationMs(state, "update-status-hook-interval");
  return Math.round(at + interval * (0.8 + 0.4 * fraction(unit.name, unit.uniter.operations)));
}

export function delivered(state: ModelState, unit: Unit, operation: Operation, seen: Seen, at: number): void {
  if (operation.kind === "install-charm" || operation.kind === "upgrade-charm-files")
    charmInPlace(state, unit, operation);
  if (operation.kind !== "run-hook" || !operation.hook) return;
  const { hook } = operation;
  if (hook.relationId !== undefined) relationHookDone(state, unit, hook);
  else if (hook.secretId !== undefined) secretHookDone(unit, hook, seen);
  else if (hook.storageId !== undefined) storageHookDone(unit, hook, hook.storageId);
  else lifecycleHookDone(state, unit, hook.name, seen);
  restartTimer(state, unit, at);
}

/** Any hook stands in for an update-status that is due. */
function restartTimer(state: ModelState, unit: Unit, at: number): void {
  const { uniter } = unit;
  const isOver =
    uniter.updateStatusDue || uniter.nextUpdateStatus === undefined || uniter.nextUpdateStatus <= at;
  if (uniter.started && isOver) uniter.nextUpdateStatus = updateStatusAt(state, unit, at);
  uniter.updateStatusDue = false;
}

function charmInPlace(
  state: ModelState,
  unit: Unit,
  { kind, charmUrl, charmModifiedVersion }: Operation,
): void {
  const { uniter } = unit;
  unit.charmUrl = charmUrl ?? unit.charmUrl;
  uniter.charmUrl = unit.charmUrl;
  uniter.charmModifiedVersion = charmModifiedVersion ?? 0;
  if (kind === "upgrade-charm-files" && uniter.installed && !uniter.failed)
    uniter.queued = ["upgrade-charm", "config-changed", ...uniter.queued.filter((hook) => hook === "start")];
}

function lifecycleHookDone(state: ModelState, unit: Unit, name: string, seen: Seen): void {
  const { uniter } = unit;
  if (uniter.queued[0] === name) uniter.queued.shift();
  const application = own(state.applications, unit.application);
  if (name === "install") uniter.installed = true;
  if (name === "leader-elected") uniter.leader = application?.leader === unit.name;
  if (name === "leader-settings-changed" || name === "leader-elected")
    uniter.leaderSettingsVersion = application?.leaderSettings.version ?? 0;
  if (name === "config-changed") configDelivered(unit, seen);
  if (name === "start") Object.assign(uniter, { started: true, rebooted: false });
  if (name === "stop") uniter.stopped = true;
  if (name === "remove") uniter.removed = true;
}

function configDelivered({ uniter }: Unit, { configHash, addressesHash, trust }: Seen): void {
  Object.assign(uniter, { configHash, addressesHash, trust });
  if (!uniter.started && !uniter.queued.includes("start")) uniter.queued.push("start");
}

function relationHookDone(state: ModelState, unit: Unit, hook: HookInfo): void {
  const relation = own(state.relations, hook.relationId ?? -1);
  if (!relation) return;
  const known = own(unit.uniter.relations, relation.id);
  const fresh: UniterRelation = { created: true, broken: false, members: {}, applicationVersion: 0 };
  const kind = relationKind(hook);
  if (!known) unit.uniter.relations[relation.id] = fresh;
  memberMoved(known ?? fresh, hook);
  if (kind === "departed" && hook.remoteUnit !== undefined) forgetBag(state, relation, hook.remoteUnit);
}

function memberMoved(known: UniterRelation, hook: HookInfo): void {
  const { remoteUnit: member, version = 0 } = hook;
  const kind = relationKind(hook);
  if (kind === "broken") known.broken = true;
  if (kind === "changed" && member === undefined) known.applicationVersion = version;
  if (member === undefined) return;
  if (kind === "joined") put(known.members, member, 0);
  if (kind === "joined") known.changedPending = member;
  if (kind === "changed" && Object.hasOwn(known.members, member)) put(known.members, member, version);
  if (kind === "departed") delete known.members[member];
  if (kind !== "joined" && known.changedPending === member) delete known.changedPending;
}

function storageHookDone({ uniter }: Unit, { name }: HookInfo, id: string): void {
  const others = (uniter.storage ?? []).filter((known) => known !== id);
  uniter.storage = name.endsWith("-storage-attached") ? [...others, id] : others;
}

function secretHookDone({ uniter }: Unit, hook: HookInfo, seen: Seen): void {
  const id = hook.secretId ?? "";
  const known = own(uniter.secrets, id) ?? { obsoleteSeen: [], changedSeen: 0, expiredSeen: [] };
  put(uniter.secrets, id, known);
  const { secretRevision: revision = 0 } = hook;
  if (hook.name === "secret-changed")
    known.changedSeen = Math.max(known.changedSeen, own(seen.revisions, id) ?? 0);
  if (hook.name === "secret-remove") known.obsoleteSeen.push(revision);
}
