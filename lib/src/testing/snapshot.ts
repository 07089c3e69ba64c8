/** A given state as the model keeps it: what the unit under test is told of, and no more of others than that needs. */
import {
  type Application,
  type ModelState,
  type Relation,
  type Secret,
  type Unit,
  type UniterRelation,
  createModel,
  newUniter,
} from "@cantrip/model";
import type { CharmDefinition } from "../framework/definition.ts";
import { type FullRelation, type FullSecret, type World, splitStatus, unitOf } from "./given.ts";
import { MemoryJuju } from "./memory-juju.ts";
import { parsePort } from "./ports.ts";

const applicationOf = (unit: string): string => unit.slice(0, unit.indexOf("/"));
/** Who owns the secrets that are someone else's. */
const someoneElse = "remote";
const base = { name: "ubuntu", channel: "24.04" };

export function jujuOf(world: World, definition: CharmDefinition, now: () => number): MemoryJuju {
  const state = createModel({ ...world.model, owner: "admin", now: now(), storage: true });
  const juju = new MemoryJuju(state, now);
  juju.resources.set(world.app, world.resources);
  addCharm(state, definition);
  addOwn(state, world, definition);
  for (const relation of world.relations) addRelation(state, relation, world, definition);
  for (const secret of world.secrets) state.secrets[secret.id] = secretOf(juju, secret, world);
  addStorage(state, world, definition);
  addPlanned(state, world);
  return juju;
}

export const charmUrlOf = ({ metadata }: CharmDefinition, revision = 0): string =>
  `local:${metadata.name}-${revision}`;

function addCharm(state: ModelState, definition: CharmDefinition): void {
  const url = charmUrlOf(definition);
  const { name } = definition.metadata;
  state.charms[url] = { url, name, revision: 0, sha256: "", size: 0, ...definition };
}

function addOwn(state: ModelState, world: World, definition: CharmDefinition): void {
  const charmUrl = charmUrlOf(definition);
  const since = state.createdAt;
  state.applications[world.app] = {
    ...applicationNamed(state, world.app, charmUrl),
    settings: { ...world.config },
    workloadVersion: world.workloadVersion,
    ...(world.appStatus === "unknown" ? {} : { status: { ...splitStatus(world.appStatus), since } }),
    ...(world.leader ? { leader: unitOf(world) } : {}),
  };
  const unit = unitNamed(state, unitOf(world), charmUrl);
  state.units[unit.name] = {
    ...unit,
    workloadStatus: { ...splitStatus(world.status), since },
    workloadVersion: world.workloadVersion,
    openPorts: world.openPorts.map(parsePort),
    uniter: { ...unit.uniter, leader: world.leader, statusSet: world.status !== "unknown" },
  };
  state.machines[unit.machine] = {
    id: unit.machine,
    life: "alive",
    base,
    hostname: `juju-${unit.machine}`,
    constraints: {},
    addresses: [...world.addresses],
    agentStatus: { status: "started", message: "", since },
    instanceStatus: { status: "running", message: "", since },
    madeForUnit: true,
    createdAt: since,
  };
}

function applicationNamed({ createdAt }: ModelState, name: string, charmUrl: string): Application {
  return {
    name,
    life: "alive",
    charmUrl,
    charmModifiedVersion: 0,
    base,
    settings: {},
    trust: false,
    exposed: false,
    constraints: {},
    bindings: {},
    resources: {},
    workloadVersion: "",
    nextUnit: 0,
    leaderSettings: { values: {}, version: 0 },
    createdAt,
  };
}

/** A unit that has started; each is on a machine of its own. */
function unitNamed({ createdAt, units }: ModelState, name: string, charmUrl: string): Unit {
  return {
    name,
    application: applicationOf(name),
    life: "alive",
    machine: String(Object.keys(units).length),
    charmUrl,
    workloadStatus: { status: "waiting", message: "", since: createdAt },
    agentStatus: { status: "idle", message: "", since: createdAt },
    workloadVersion: "",
    openPorts: [],
    charmState: {},
    uniter: {
      ...newUniter(),
      installed: true,
      started: true,
      statusSet: true,
      charmUrl,
      charmModifiedVersion: 0,
    },
    createdAt,
  };
}

function addUnit(state: ModelState, name: string, charmUrl: string): void {
  const application = applicationOf(name);
  state.applications[application] ??= applicationNamed(state, application, charmUrl);
  state.units[name] ??= unitNamed(state, name, charmUrl);
}

/** Who takes part is known, has joined, and its databag was seen. */
function addRelation(
  state: ModelState,
  given: FullRelation,
  world: World,
  definition: CharmDefinition,
): void {
  const { endpoint: name, id, app, units } = given;
  const endpoint = definition.metadata.endpoints.find((each) => each.name === name);
  if (endpoint === undefined) return;
  const isPeer = endpoint.role === "peer";
  const charmUrl = isPeer ? charmUrlOf(definition) : "";
  state.applications[app] ??= applicationNamed(state, app, charmUrl);
  for (const unit of Object.keys(units)) addUnit(state, unit, charmUrl);
  state.relations[id] = relationOf(given, endpoint, world, state.createdAt);
  state.counters.relation = Math.max(state.counters.relation, id + 1);
  const known: UniterRelation = { created: true, broken: false, members: {}, applicationVersion: 1 };
  for (const unit of Object.keys(units)) known.members[unit] = 1;
  const own = state.units[unitOf(world)];
  if (own !== undefined) own.uniter.relations[id] = known;
}

function relationOf(
  { id, app, units, appData, ownUnitData, ownAppData, dying, endpoint: name }: FullRelation,
  { role, interface: spoken, scope }: CharmDefinition["metadata"]["endpoints"][number],
  world: World,
  createdAt: number,
): Relation {
  const own = { application: world.app, name, role, interface: spoken, scope };
  const far = { ...own, application: app, role: role === "provider" ? "requirer" : "provider" } as const;
  const sides = role === "provider" ? [far, own] : [own, far];
  const bag = (values: Readonly<Record<string, string>>) => ({ values: { ...values }, version: 1 });
  const unitBag = (values: Readonly<Record<string, string>>, address: string) => ({
    ...bag(values),
    inScope: true,
    left: false,
    address,
  });
  return {
    id,
    endpoints: role === "peer" ? [own] : sides,
    life: dying ? "dying" : "alive",
    suspended: false,
    unitBags: {
      ...Object.fromEntries(Object.entries(units).map(([unit, values]) => [unit, unitBag(values, "")])),
      [unitOf(world)]: unitBag(ownUnitData, world.addresses[0] ?? ""),
    },
    applicationBags: { [app]: bag(appData), [world.app]: bag(ownAppData) },
    createdAt,
  };
}

function secretOf(juju: MemoryJuju, given: FullSecret, world: World): Secret {
  const { id, owner, revision, content, latest, obsolete = [], label, rotate, description } = given;
  const { createdAt } = juju.state;
  const isOwn = owner !== "remote";
  const revisionOf = (number: number, values: FullSecret["content"]) => ({
    revision: number,
    createdAt,
    ...juju.keep(values),
  });
  const newest = {
    ...revisionOf(revision, content),
    ...(given.expiresAt === undefined ? {} : { expiresAt: given.expiresAt }),
  };
  const revisions = [
    // Its owner cannot read what is obsolete, so the content does not matter.
    ...obsolete.map((number) => revisionOf(number, content)),
    newest,
    ...(latest === undefined ? [] : [revisionOf(revision + 1, latest)]),
  ];
  return {
    id,
    owner: ownerOf(owner, world),
    ...(isOwn && label !== undefined ? { label } : {}),
    ...(description === undefined ? {} : { description }),
    ...(rotate === undefined ? {} : { rotate }),
    revisions,
    latest: latest === undefined ? revision : revision + 1,
    grants: isOwn ? grantsOf(given, world) : [{ subject: world.app }],
    consumers: isOwn
      ? {}
      : { [unitOf(world)]: { tracked: revision, ...(label === undefined ? {} : { label }) } },
    createdAt,
    updatedAt: createdAt,
  };
}

function addStorage({ storage, units }: ModelState, world: World, { metadata }: CharmDefinition): void {
  const own = units[unitOf(world)];
  if (storage === undefined || own === undefined) return;
  own.uniter.storage = Object.keys(world.storage);
  for (const [id, location] of Object.entries(world.storage)) {
    const [name = "", number] = id.split("/");
    const kind = metadata.storage.find((each) => each.name === name)?.type ?? "filesystem";
    storage.instances[id] = { id, name, kind, unit: own.name, life: "alive", location };
    storage.next = Math.max(storage.next, Number(number) + 1);
  }
}

function ownerOf(owner: FullSecret["owner"], world: World): Secret["owner"] {
  if (owner === "unit") return { kind: "unit", name: unitOf(world) };
  return { kind: "application", name: owner === "application" ? world.app : someoneElse };
}

function grantsOf({ grants = [] }: FullSecret, { relations }: World): Secret["grants"] {
  return grants.map(({ relation, unit }) => ({
    subject: unit ?? relations.find(({ id }) => id === relation)?.app ?? "",
    relation,
  }));
}

/** Units of the own application that no relation tells of. */
function addPlanned(state: ModelState, { app, plannedUnits }: World): void {
  const known = Object.values(state.units).filter(({ application }) => application === app).length;
  const charmUrl = state.applications[app]?.charmUrl ?? "";
  for (let missing = plannedUnits - known, number = 0; missing > 0; number += 1) {
    if (Object.hasOwn(state.units, `${app}/${number}`)) continue;
    addUnit(state, `${app}/${number}`, charmUrl);
    missing -= 1;
  }
}
