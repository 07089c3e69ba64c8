/** The given event begins: the unit's agent has been handed its operation, and the world is as it is then. */
import type { HookInfo, Operation, UniterRelation } from "@cantrip/model";
import type { CharmDefinition } from "../framework/definition.ts";
import { type FullRelation, type FullSecret, GivenError, type World, unitOf } from "./given.ts";
import { MemoryHook } from "./memory-hook.ts";
import type { MemoryJuju } from "./memory-juju.ts";
import { jujuOf } from "./snapshot.ts";
import { type ActionGiven, type EventGiven, type HookGiven, isAction } from "./state.ts";

/** @throws GivenError where the event needs what the state does not have */
export function begin(
  world: World,
  event: EventGiven,
  definition: CharmDefinition,
  now: () => number,
): MemoryHook {
  const juju = jujuOf(world, definition, now);
  const unit = unitOf(world);
  return new MemoryHook(
    juju,
    unit,
    isAction(event) ? beginAction(juju, unit, event) : beginHook(juju, world, hookOf(world, event)),
  );
}

function handedOut(juju: MemoryJuju, unit: string, operation: Operation): Operation {
  const uniter = juju.state.units[unit]?.uniter;
  if (uniter === undefined) throw new GivenError(`there is no unit ${unit}`);
  uniter.operations += 1;
  uniter.current = operation;
  uniter.seen = { configHash: "", addressesHash: "", trust: false, revisions: {} };
  return operation;
}

function beginAction(juju: MemoryJuju, unit: string, { action, params = {} }: ActionGiven): Operation {
  juju.do(
    { type: "enqueue-action", requests: [{ receiver: unit, action, parameters: { ...params } }] },
    "user",
  );
  const [queued] = Object.values(juju.state.operations);
  const [taskId] = queued?.tasks ?? [];
  if (taskId === undefined)
    throw new GivenError(`the action "${action}" cannot run: ${queued?.failures[0]?.message}`);
  juju.do({ type: "start-task", task: taskId }, "agent");
  return handedOut(juju, unit, { id: `1.run-action.${taskId}`, kind: "run-action", taskId });
}

function beginHook(juju: MemoryJuju, world: World, hook: HookInfo): Operation {
  const { relationId: id, remoteUnit, departingUnit, secretId, secretRevision, name } = hook;
  const own = juju.state.units[unitOf(world)];
  const known = id === undefined ? undefined : own?.uniter.relations[id];
  if (own !== undefined && departingUnit === own.name) own.life = "dying";
  if (id !== undefined && known !== undefined) {
    if (name.endsWith("-relation-broken")) breaking(juju, id, known);
    if (departingUnit !== undefined && departingUnit === remoteUnit) departing(juju, id, known, remoteUnit);
  }
  if (secretId !== undefined && secretRevision !== undefined) stillThere(juju, secretId, secretRevision);
  return handedOut(juju, unitOf(world), { id: `1.${name}`, kind: "run-hook", hook });
}

/** By now every other unit has departed; what they wrote can be read to the end. */
function breaking({ state }: MemoryJuju, id: number, known: UniterRelation): void {
  known.members = {};
  const relation = state.relations[id];
  if (relation !== undefined) relation.life = "dying";
}

function departing({ state }: MemoryJuju, id: number, known: UniterRelation, unit: string): void {
  known.members[unit] ??= 1;
  const relation = state.relations[id];
  if (relation === undefined) return;
  const bag = relation.unitBags[unit] ?? { values: {}, version: 1, address: "" };
  relation.unitBags[unit] = { ...bag, inScope: false, left: true };
}

/** The revision that a hook is about. */
function stillThere(juju: MemoryJuju, id: string, revision: number): void {
  const secret = juju.state.secrets[id];
  if (secret === undefined || secret.revisions.some((each) => each.revision === revision)) return;
  const obsolete = { revision, createdAt: juju.now(), ...juju.keep({}) };
  secret.revisions = [obsolete, ...secret.revisions].toSorted((a, b) => a.revision - b.revision);
}

function hookOf(world: World, event: string | HookGiven): HookInfo {
  const facts = typeof event === "string" ? { hook: event } : event;
  const [, endpoint, kind] =
    /^(.+)-relation-(created|joined|changed|departed|broken)$/.exec(facts.hook) ?? [];
  if (endpoint !== undefined && kind !== undefined) return relationHook(world, facts, { endpoint, kind });
  const storage = /^(.+)-storage-(?:attached|detaching)$/.exec(facts.hook)?.[1];
  if (storage !== undefined) return storageHook(world, facts, storage);
  if (facts.hook.startsWith("secret-")) return secretHook(world, facts);
  return { name: facts.hook };
}

function relationHook(
  world: World,
  { hook, relation: id, unit, departingUnit }: HookGiven,
  { endpoint, kind }: { endpoint: string; kind: string },
): HookInfo {
  const [relation, another] = world.relations.filter(
    (each) => each.endpoint === endpoint && (id === undefined || each.id === id),
  );
  if (relation === undefined)
    throw new GivenError(`"${hook}" needs a relation of "${endpoint}", and there is none`);
  if (another !== undefined)
    throw new GivenError(`"${hook}" could be about several relations: say which by its id`);
  const isAboutUnit = kind === "joined" || kind === "departed" || kind === "changed";
  const remoteUnit = isAboutUnit ? (unit ?? onlyUnit(relation, hook, kind)) : undefined;
  const leaving = kind === "departed" ? (departingUnit ?? remoteUnit) : undefined;
  if (leaving !== undefined && leaving !== remoteUnit && leaving !== unitOf(world))
    throw new GivenError(
      `"${hook}" about "${remoteUnit}": either that unit or ${unitOf(world)} departs, not "${leaving}"`,
    );
  return {
    name: hook,
    relationId: relation.id,
    remoteApplication: relation.app,
    ...(remoteUnit === undefined ? {} : { remoteUnit }),
    ...(leaving === undefined ? {} : { departingUnit: leaving }),
    ...(kind === "changed" ? { version: 1 } : {}),
  };
}

/** A change of the application's databag is about no unit; everything else is about one. */
function onlyUnit({ units }: FullRelation, hook: string, kind: string): string | undefined {
  const [unit, another] = Object.keys(units);
  if (unit === undefined && kind !== "changed")
    throw new GivenError(`"${hook}" needs a unit on the other side, and there is none`);
  if (another !== undefined) throw new GivenError(`"${hook}" could be about several units: say which`);
  return unit;
}

function storageHook({ storage }: World, { hook, storage: wanted }: HookGiven, name: string): HookInfo {
  const [id, another] = Object.keys(storage).filter(
    (each) => each.startsWith(`${name}/`) && (wanted === undefined || each === wanted),
  );
  if (id === undefined) throw new GivenError(`"${hook}" needs an instance of "${name}", and there is none`);
  if (another !== undefined)
    throw new GivenError(`"${hook}" could be about several instances: say which by its id`);
  return { name: hook, storageId: id };
}

function secretHook(world: World, { hook, secret: id, revision }: HookGiven): HookInfo {
  const secret =
    world.secrets.find((candidate) => candidate.id === id) ??
    (id === undefined && world.secrets.length === 1 ? world.secrets[0] : undefined);
  if (secret === undefined) throw new GivenError(`"${hook}" needs one of the secrets: say which`);
  checkReceiver(hook, secret, world);
  return {
    name: hook,
    secretId: secret.id,
    ...(secret.label === undefined ? {} : { secretLabel: secret.label }),
    ...(revision === undefined ? {} : { secretRevision: revision }),
  };
}

function checkReceiver(hook: string, { owner, id }: FullSecret, { leader }: World): void {
  const isForOwner = hook !== "secret-changed";
  if (isForOwner !== (owner !== "remote"))
    throw new GivenError(`"${hook}" comes to ${isForOwner ? "the owner" : "readers"} of a secret`);
  if (owner === "application" && !leader)
    throw new GivenError(`"${hook}" of ${id}, which its application owns, comes to the leader: say "leader"`);
}
