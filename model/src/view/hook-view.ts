/** All that a hook may read, taken from the state at once. */
import { jujuInfo } from "@cantrip/metadata";
import {
  findApplication,
  findTask,
  findUnit,
  isLeading,
  isPeer,
  relationsOf,
  remoteEndpoint,
  storageOf,
  unitsOf,
  byUnitName,
  endpointFor,
  applicationOfUnit,
} from "../entities.ts";
import { relationKind } from "../hook-kinds.ts";
import type { HookView, RelationView } from "../hook-view.ts";
import { copy, own, put } from "../records.ts";
import { charmOf, modelDefaults } from "../settings.ts";
import type {
  Application,
  Databag,
  HookInfo,
  Machine,
  ModelState,
  Operation,
  Relation,
  Unit,
} from "../state.ts";
import { planGoalState } from "./goal-state.ts";
import { consumedSecrets, ownSecrets } from "./secrets.ts";

export type HookSubject = Operation | { readonly task: string } | { readonly exec: true };

/**
 * @param subject the operation that runs, a task, or `exec` for commands that run in the unit's context by themselves
 * @throws ModelError when the unit or the task does not exist
 */
export function hookView(state: ModelState, unitName: string, subject: HookSubject): HookView {
  const unit = findUnit(state, unitName);
  const application = findApplication(state, unit.application);
  const hook = "hook" in subject ? subject.hook : undefined;
  const machine = own(state.machines, unit.machine);
  return {
    model: { name: state.name, uuid: state.uuid },
    controllerUuid: String(own(state.config, "controller-uuid") ?? ""),
    unit: unit.name,
    application: unit.application,
    machine: unit.machine,
    principal: unit.principal ?? "",
    ...(hook ? { hook: copy(hook) } : {}),
    ...actionOf(state, subject),
    leader: isLeading(state, unit),
    config: configView(state, application),
    relations: relationViews(state, unit, hook),
    ...charmView(state, application),
    ...addressView(machine),
    ...statusView(state, unit, application),
    openPorts: copy(unit.openPorts),
    charmState: copy(unit.charmState),
    ownSecrets: ownSecrets(state, unit),
    consumedSecrets: consumedSecrets(state, unit),
    ...storageView(state, unit, hook),
    goalState: planGoalState(state, unit),
    settings: modelSettings(state),
    leaderSettings: copy(application.leaderSettings.values),
    trust: application.trust,
  };
}

function actionOf(state: ModelState, subject: HookSubject): Pick<HookView, "action"> {
  const id = "task" in subject ? subject.task : "taskId" in subject ? subject.taskId : undefined;
  if (id === undefined) return {};
  const { action: name, parameters } = findTask(state, id);
  return { action: { taskId: id, name, parameters: copy(parameters) } };
}

function configView(state: ModelState, application: Application): HookView["config"] {
  const config: HookView["config"] = {};
  for (const { name, type, default: fallback } of charmOf(state, application)?.config.options ?? []) {
    const value = own(application.settings, name) ?? fallback;
    put(config, name, { type, ...(value === undefined ? {} : { value }) });
  }
  return config;
}

function charmView(
  state: ModelState,
  application: Application,
): Pick<HookView, "endpoints" | "extraBindings" | "resources"> {
  const metadata = charmOf(state, application)?.metadata;
  const endpoints: HookView["endpoints"] = {};
  for (const { name, role, interface: kind } of [...(metadata?.endpoints ?? []), jujuInfo])
    put(endpoints, name, { role, interface: kind });
  return {
    endpoints,
    extraBindings: metadata?.extraBindings ?? [],
    resources: metadata?.resources.map(({ name }) => name) ?? [],
  };
}

function addressView(
  machine: Machine | undefined,
): Pick<HookView, "addresses" | "publicAddress" | "privateAddress"> {
  const addresses = [...(machine?.addresses ?? [])];
  const [first = ""] = addresses;
  return { addresses, publicAddress: first, privateAddress: first };
}

function statusView(state: ModelState, unit: Unit, application: Application) {
  const units: HookView["units"] = {};
  for (const each of unitsOf(state, unit.application)) put(units, each.name, copy(each.workloadStatus));
  return {
    unitStatus: copy(unit.workloadStatus),
    ...(application.status ? { applicationStatus: copy(application.status) } : {}),
    units,
    workloadVersion: unit.workloadVersion,
  };
}

function storageView(state: ModelState, unit: Unit, hook: HookInfo | undefined): Pick<HookView, "storage"> {
  if (!state.storage) return {};
  const storage: NonNullable<HookView["storage"]> = {};
  for (const { id, name, kind, location } of storageOf(state, unit.name))
    if (location !== undefined && (unit.uniter.storage?.includes(id) === true || hook?.storageId === id))
      put(storage, id, { name, kind, location });
  return { storage };
}

function modelSettings(state: ModelState): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [key, value] of Object.entries({ ...modelDefaults, ...state.config }))
    put(settings, key, String(value));
  return settings;
}

/** Relations that the unit has entered and not yet broken, and the hook's own. */
function relationViews(state: ModelState, unit: Unit, hook: HookInfo | undefined): HookView["relations"] {
  const views: HookView["relations"] = {};
  if (!unit.uniter.installed) return views;
  for (const relation of relationsOf(state, unit.application)) {
    const isBroken = own(unit.uniter.relations, relation.id)?.broken === true;
    const hasEntered = own(relation.unitBags, unit.name)?.left === false;
    if (hasEntered && !isBroken) views[relation.id] = relationView(state, unit, relation, hook);
  }
  return views;
}

function relationView(
  state: ModelState,
  unit: Unit,
  relation: Relation,
  hook: HookInfo | undefined,
): RelationView {
  const remote = remoteEndpoint(relation, unit.application);
  return {
    id: relation.id,
    endpoint: endpointFor(relation, unit.application)?.name ?? "",
    peer: isPeer(relation),
    dying: relation.life !== "alive" || relation.suspended || unit.life !== "alive",
    remoteApplication: remote?.application ?? unit.application,
    members: membersShown(unit, relation, hook),
    bags: bagsShown(unit, relation, isLeading(state, unit)),
    remoteModelUuid: state.uuid,
  };
}

function membersShown(unit: Unit, relation: Relation, hook: HookInfo | undefined): string[] {
  const members = new Set(Object.keys(own(unit.uniter.relations, relation.id)?.members ?? {}));
  const kind = hook?.relationId === relation.id ? relationKind(hook) : undefined;
  if (hook?.remoteUnit !== undefined && kind === "joined") members.add(hook.remoteUnit);
  if (hook?.remoteUnit !== undefined && kind === "departed") members.delete(hook.remoteUnit);
  return [...members].sort(byUnitName);
}

/** Its own application's bag is the leader's to read, except between peers. */
function bagsShown(unit: Unit, relation: Relation, isLeader: boolean): RelationView["bags"] {
  const bags: RelationView["bags"] = {};
  const remote = remoteEndpoint(relation, unit.application)?.application ?? unit.application;
  const add = (name: string, bag: Databag | undefined): void => put(bags, name, copy(bag?.values ?? {}));
  add(remote, own(relation.applicationBags, remote));
  if (isLeader || isPeer(relation)) add(unit.application, own(relation.applicationBags, unit.application));
  for (const [name, bag] of Object.entries(relation.unitBags))
    if (name === unit.name || applicationOfUnit(name) === remote) add(name, bag);
  return bags;
}
