/**
 * What a unit does next. There is no queue of hooks: whenever a unit is free, its state is compared with what it has seen,
 * and the first rule that finds a difference wins. Changes that come and go while it is busy are never seen.
 */
import { relationKind } from "../hook-kinds.ts";
import { own } from "../records.ts";
import type { HookInfo, ModelState, Operation, Unit } from "../state.ts";
import { createdHook, nextRelationHook, relationHook } from "./relation-hooks.ts";
import { nextSecretHook } from "./secret-hooks.ts";
import { configMoved } from "./seen.ts";
import { isWaitingForStorage, nextStorageHook } from "./storage-hooks.ts";

type Choice = Omit<Operation, "id">;
interface Now {
  readonly state: ModelState;
  readonly unit: Unit;
  readonly now: number;
}
type Rule = (at: Now) => Choice | undefined;

/**
 * The operation to run, or the one that runs; undefined when the unit is idle. The id stays the same until an operation
 * of the unit is started, or until something else has become the next.
 */
export function nextOperation(state: ModelState, unitName: string, now: number): Operation | undefined {
  const unit = own(state.units, unitName);
  if (!unit) return undefined;
  if (unit.uniter.current) return unit.uniter.current;
  if (unit.agentStatus.status === "rebooting") return undefined;
  const choice = firstOf(rulesFor(unit), { state, unit, now });
  return choice && { id: idOf(unit, choice), ...choice };
}

function firstOf(rules: readonly Rule[], at: Now): Choice | undefined {
  for (const rule of rules) {
    const choice = rule(at);
    if (choice) return choice;
  }
  return undefined;
}

/** Fit for a file name; says what runs, so that an agent cannot start by an old id what has become something else. */
function idOf({ uniter }: Unit, { kind, hook, taskId }: Choice): string {
  const { relationId, remoteUnit, secretId, secretRevision, storageId } = hook ?? {};
  const names = [remoteUnit, storageId].map((name) => name?.replace("/", "-"));
  const details = [relationId, ...names, secretId, secretRevision, taskId];
  const known = details.filter((detail) => detail !== undefined);
  return [uniter.operations + 1, hook?.name ?? kind, ...known].join(".");
}

const hookChoice = (hook: HookInfo | undefined): Choice | undefined => hook && { kind: "run-hook", hook };

function rulesFor({ life, uniter }: Unit): readonly Rule[] {
  if (uniter.failed) return whenFailed;
  if (life === "dead") return [() => ({ kind: "terminate" })];
  if (!uniter.installed) return life === "alive" ? beforeInstalled : [() => ({ kind: "terminate" })];
  return life === "alive" ? whenAlive : whenDying;
}

const retry: Rule = ({ unit, state, now }) => {
  const { failed } = unit.uniter;
  if (!failed || !isRetryDue(unit, now)) return undefined;
  const { id: _id, startedAt: _startedAt, ...choice } = failed.operation;
  return { ...choice, ...(choice.hook ? { hook: refreshed(state, unit, choice.hook) } : {}) };
};

const isRetryDue = ({ uniter: { failed }, resolved }: Unit, now: number): boolean =>
  failed !== undefined &&
  (resolved === "retry" || failed.due === true || (failed.retryAt !== null && failed.retryAt <= now));

/** A hook that is run again is shown the present versions. */
function refreshed(state: ModelState, unit: Unit, hook: HookInfo): HookInfo {
  const relation = hook.relationId === undefined ? undefined : own(state.relations, hook.relationId);
  const kind = relationKind(hook);
  return relation && kind ? relationHook(unit, relation, kind, hook.remoteUnit) : hook;
}

const action: Rule = ({ state, unit }) => {
  if (!unit.uniter.installed) return undefined;
  const task = Object.values(state.tasks).find(
    ({ receiver, status }) => receiver === unit.name && status === "pending",
  );
  return task && { kind: "run-action", taskId: task.id };
};

const charmFiles =
  (kind: "install-charm" | "upgrade-charm-files"): Rule =>
  ({ state, unit }) => {
    const application = own(state.applications, unit.application);
    if (!application) return undefined;
    const { charmUrl, charmModifiedVersion } = application;
    const isSame =
      unit.uniter.charmUrl === charmUrl && unit.uniter.charmModifiedVersion === charmModifiedVersion;
    return isSame ? undefined : { kind, charmUrl, charmModifiedVersion };
  };
const upgrade = charmFiles("upgrade-charm-files");

/** `refresh --force-units` reaches a unit in error; what had failed is tried with the new charm. */
const forcedUpgrade: Rule = (at) => {
  const { state, unit, now } = at;
  const isForced = own(state.applications, unit.application)?.charmForced === true;
  const mayTry = !unit.uniter.failed?.upgradeFailed || isRetryDue(unit, now);
  const isAlive = unit.life === "alive" && unit.uniter.charmUrl !== undefined;
  return isForced && isAlive && mayTry ? upgrade(at) : undefined;
};

const rebooted: Rule = ({ unit: { uniter } }) =>
  uniter.rebooted && uniter.started ? hookChoice({ name: "start" }) : undefined;

const leaderElected: Rule = ({ state, unit }) => {
  const isNew = own(state.applications, unit.application)?.leader === unit.name && !unit.uniter.leader;
  return isNew ? hookChoice({ name: "leader-elected" }) : undefined;
};

const leaderSettings: Rule = ({ state, unit }) => {
  const application = own(state.applications, unit.application);
  if (!application || application.leader === unit.name || !unit.uniter.started) return undefined;
  const isNewer = application.leaderSettings.version > unit.uniter.leaderSettingsVersion;
  return isNewer ? hookChoice({ name: "leader-settings-changed" }) : undefined;
};

const secrets: Rule = ({ state, unit, now }) =>
  unit.uniter.started ? hookChoice(nextSecretHook(state, unit, now)) : undefined;

const requeued: Rule = ({ state, unit }) => {
  const hook = unit.uniter.requeued;
  const isOver = hook !== undefined && unit.life !== "alive" && relationKind(hook) === "created";
  return hook && !isOver ? hookChoice(refreshed(state, unit, hook)) : undefined;
};

const queued: Rule = ({ unit }) => {
  const [name] = unit.uniter.queued;
  return name === undefined ? undefined : hookChoice({ name });
};

const config: Rule = ({ state, unit }) =>
  configMoved(state, unit) ? hookChoice({ name: "config-changed" }) : undefined;

const relations: Rule = ({ state, unit }) =>
  unit.uniter.started || unit.life !== "alive" ? hookChoice(nextRelationHook(state, unit)) : undefined;

const updateStatus: Rule = ({ unit: { uniter }, now }) => {
  const isTime = uniter.nextUpdateStatus !== undefined && uniter.nextUpdateStatus <= now;
  const isDue = uniter.woken || uniter.updateStatusDue || isTime;
  return isDue && uniter.started ? hookChoice({ name: "update-status" }) : undefined;
};

const stop: Rule = ({ unit }) => (unit.uniter.stopped ? undefined : hookChoice({ name: "stop" }));
const remove: Rule = ({ unit }) => (unit.uniter.removed ? undefined : hookChoice({ name: "remove" }));
const created: Rule = ({ state, unit }) => hookChoice(createdHook(state, unit));
const storage: Rule = ({ state, unit }) => hookChoice(nextStorageHook(state, unit));
const install: Rule = ({ state, unit }) =>
  isWaitingForStorage(state, unit) ? undefined : hookChoice({ name: "install" });

const whenFailed = [forcedUpgrade, action, retry];
const beforeInstalled = [
  (at: Now) => (at.unit.uniter.charmUrl === undefined ? charmFiles("install-charm")(at) : upgrade(at)),
  storage,
  install,
];
const whenAlive = [
  rebooted,
  created,
  leaderElected,
  leaderSettings,
  secrets,
  action,
  storage,
  requeued,
  queued,
  upgrade,
  config,
  relations,
  updateStatus,
];
const whenDying = [action, storage, requeued, relations, stop, remove, (): Choice => ({ kind: "terminate" })];
