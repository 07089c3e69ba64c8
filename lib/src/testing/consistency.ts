/** What Juju would never let be: a given state or event that is so is a mistake in the test, and is said before the charm runs. */
import type { CharmDefinition } from "../framework/definition.ts";
import { isJson } from "../framework/stored.ts";
import { checkContent } from "../model/secret.ts";
import { type FullRelation, type FullSecret, GivenError, type World, splitStatus } from "./given.ts";
import { parsePort } from "./ports.ts";
import { type EventGiven, isAction } from "./state.ts";

const lifecycle = [
  "install",
  "start",
  "config-changed",
  "update-status",
  "upgrade-charm",
  "leader-elected",
  "leader-settings-changed",
  "stop",
  "remove",
  "secret-changed",
  "secret-rotate",
  "secret-expired",
  "secret-remove",
];
const unitStatuses = ["active", "blocked", "maintenance", "waiting", "unknown", "error", "terminated"];

/** @throws GivenError */
export function checkWorld(world: World, definition: CharmDefinition): void {
  if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]*[a-z][a-z0-9]*)*$/.test(world.app))
    throw new GivenError(`"${world.app}" is no name of an application`);
  checkCount("unitNumber", world.unitNumber);
  checkCount("plannedUnits", world.plannedUnits);
  checkStatus("status", world.status);
  checkStatus("appStatus", world.appStatus);
  world.openPorts.forEach(parsePort);
  if (typeof world.workloadVersion !== "string") throw new GivenError("workloadVersion is no text");
  for (const [key, value] of Object.entries(world.stored))
    if (!isJson(value)) throw new GivenError(`stored "${key}" is nothing that JSON can say`);
  checkSecretOptions(world, definition);
  for (const relation of world.relations) checkRelation(relation, world);
  checkLimits(world, definition);
  checkStorage(world, definition);
  for (const [n, secret] of world.secrets.entries()) checkSecret(secret, world.secrets.slice(0, n), world);
}

/**
 * That Juju could send this event in this world.
 * @throws GivenError
 */
export function checkEvent(event: EventGiven, world: World, definition: CharmDefinition): void {
  if (isAction(event)) return;
  const { hook, ...facts } = typeof event === "string" ? { hook: event } : event;
  const [, endpoint, kind] = /^(.+)-relation-(created|joined|changed|departed|broken)$/.exec(hook) ?? [];
  if (endpoint !== undefined)
    return checkRelationEvent({ hook, kind, ...facts }, endpoint, world, definition);
  const storage = /^(.+)-storage-(?:attached|detaching)$/.exec(hook)?.[1];
  if (storage !== undefined) return checkStorageName(`"${hook}"`, storage, definition);
  if (!lifecycle.includes(hook))
    throw new GivenError(
      `Juju sends no "${hook}": expected one of ${lifecycle.join(", ")}, or ENDPOINT-relation-EVENT, or { action }`,
    );
  if (hook === "leader-elected" && !world.leader)
    throw new GivenError('"leader-elected" comes to the unit that leads: say "leader"');
}

function checkRelationEvent(
  {
    hook,
    kind,
    unit,
    relation,
  }: { hook: string; kind: string | undefined; unit?: string; relation?: number },
  endpoint: string,
  { relations }: World,
  { metadata: { endpoints } }: CharmDefinition,
): void {
  if (!endpoints.some(({ name }) => name === endpoint))
    throw new GivenError(
      `"${hook}": the charm has no endpoint "${endpoint}", it has ${endpoints.map(({ name }) => `"${name}"`).join(", ") || "none"}`,
    );
  const found = relations.find((one) => one.endpoint === endpoint && (relation ?? one.id) === one.id);
  if (unit !== undefined && found !== undefined && kind !== "departed" && !Object.hasOwn(found.units, unit))
    throw new GivenError(
      `"${hook}" is about "${unit}", which is not among the units of ${endpoint}:${found.id}: ${Object.keys(found.units).join(", ") || "none"}`,
    );
}

function checkCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new GivenError(`${name} is ${value}: expected a whole number, 0 or more`);
}

function checkStatus(name: string, text: string): void {
  const { status } = splitStatus(text);
  if (!unitStatuses.includes(status))
    throw new GivenError(
      `${name} is "${text}": expected one of ${unitStatuses.join(", ")}, with a message after ": "`,
    );
}

function checkSecretOptions({ config }: World, { config: { options } }: CharmDefinition): void {
  for (const { name, type } of options) {
    const value = Object.hasOwn(config, name) ? config[name] : undefined;
    if (type === "secret" && value !== undefined && !/^secret:[0-9a-z]{20}$/.test(String(value)))
      throw new GivenError(`option "${name}" is a secret: expected "secret:" and 20 letters and digits`);
  }
}

function checkRelation(relation: FullRelation, { app, unitNumber }: World): void {
  const { endpoint, id, units } = relation;
  const key = `${endpoint}:${id}`;
  checkCount(`the id of a relation of "${endpoint}"`, id);
  if (Object.hasOwn(units, `${app}/${unitNumber}`))
    throw new GivenError(
      `${key} has the unit under test, ${app}/${unitNumber}, among the others: its databag is ownUnitData`,
    );
  const wrong = Object.keys(units).find((unit) => !/^.+\/(?:0|[1-9]\d*)$/.test(unit));
  if (wrong !== undefined)
    throw new GivenError(`${key} has a unit "${wrong}": expected "application/number"`);
  const bags = {
    appData: relation.appData,
    ownUnitData: relation.ownUnitData,
    ownAppData: relation.ownAppData,
  };
  for (const [owner, bag] of Object.entries({ ...bags, ...units })) checkBag(`${key}, ${owner}`, bag);
}

function checkLimits({ relations }: World, { metadata: { endpoints } }: CharmDefinition): void {
  for (const { name, limit = Infinity, role } of endpoints) {
    const used = relations.filter(({ endpoint }) => endpoint === name);
    const most = role === "peer" ? 1 : limit;
    if (used.length > most)
      throw new GivenError(`"${name}" has ${used.length} relations: it takes at most ${most}`);
    if (role === "peer" && used.some(({ dying }) => dying))
      throw new GivenError(
        `"${name}" is a peer endpoint: its relation ends with the application, it is never dying`,
      );
  }
}

function checkStorageName(what: string, name: string, { metadata: { storage } }: CharmDefinition): void {
  if (!storage.some((each) => each.name === name))
    throw new GivenError(
      `${what}: the charm has no storage "${name}", it has ${storage.map((each) => `"${each.name}"`).join(", ") || "none"}`,
    );
}

function checkStorage(world: World, definition: CharmDefinition): void {
  const ids = Object.keys(world.storage);
  for (const id of ids) {
    const [, name] = /^(.+)\/(?:0|[1-9]\d*)$/.exec(id) ?? [];
    if (name === undefined) throw new GivenError(`"${id}" is no storage: expected "name/number"`);
    checkStorageName(`"${id}"`, name, definition);
  }
  for (const { name, max } of definition.metadata.storage) {
    const count = ids.filter((id) => id.startsWith(`${name}/`)).length;
    if (max !== null && count > max)
      throw new GivenError(`there are ${count} of storage "${name}": the charm takes at most ${max}`);
  }
}

function checkBag(where: string, bag: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(bag)) {
    if (key === "" || key.includes("="))
      throw new GivenError(`${where}: key "${key}": a key is not empty and has no "="`);
    if (typeof value !== "string")
      throw new GivenError(`${where}: the value of "${key}" is no string, but ${typeof value}`);
    if (value === "")
      throw new GivenError(`${where}: "${key}" is empty: Juju keeps no empty values, leave it out`);
  }
}

function checkSecret(secret: FullSecret, before: readonly FullSecret[], { relations }: World): void {
  const { id, owner, label, content, latest, revision, obsolete = [], grants = [] } = secret;
  if (!/^[0-9a-z]{20}$/.test(id))
    throw new GivenError(`"${id}" is no id of a secret: expected 20 lower-case letters and digits`);
  if (before.some((other) => other.id === id)) throw new GivenError(`two secrets have the id ${id}`);
  const isOwn = owner !== "remote";
  if (
    label !== undefined &&
    before.some((other) => other.label === label && (other.owner !== "remote") === isOwn)
  )
    throw new GivenError(`two secrets have the label "${label}"`);
  if (isOwn && latest !== undefined)
    throw new GivenError(
      `secret ${id} is this side's own, which always reads its latest: leave out "latest"`,
    );
  if (!isOwn && obsolete.length > 0)
    throw new GivenError(`secret ${id} is someone else's: only an owner knows of obsolete revisions`);
  const late = obsolete.find((number) => !Number.isSafeInteger(number) || number < 1 || number >= revision);
  if (late !== undefined)
    throw new GivenError(`secret ${id} is at revision ${revision}: ${late} is no obsolete one`);
  if (!isOwn && grants.length > 0)
    throw new GivenError(`secret ${id} is someone else's: only own secrets have grants`);
  const lost = grants.find(({ relation }) => !relations.some((one) => one.id === relation));
  if (lost !== undefined)
    throw new GivenError(`secret ${id} is granted to relation ${lost.relation}, which there is not`);
  for (const each of [content, ...(latest === undefined ? [] : [latest])]) checkSecretContent(id, each);
}

function checkSecretContent(id: string, content: Readonly<Record<string, string>>): void {
  try {
    checkContent(content);
  } catch (error) {
    throw new GivenError(`secret ${id}: ${(error as Error).message}`);
  }
}
