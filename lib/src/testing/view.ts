import type { HookInfo, HookView, RelationView, SecretView, WorkloadStatus } from "@cantrip/model";
import { actionParamsOf } from "./action-params.ts";
import type { CharmDefinition } from "../framework/definition.ts";
import { type FullRelation, type FullSecret, GivenError, type World, splitStatus } from "./given.ts";
import { parsePort } from "./ports.ts";
import type { EventGiven } from "./state.ts";

const unitOf = ({ app, unitNumber }: World): string => `${app}/${unitNumber}`;

/** The model's view of a hook over this world: what the controller would hand to the unit's agent. */
export function viewOf(
  world: World,
  event: EventGiven,
  definition: CharmDefinition,
  nowMs: number,
): HookView {
  const status = (text: string) => ({ ...splitStatus(text), since: nowMs }) as HookView["unitStatus"];
  const { endpoints, extraBindings } = definition.metadata;
  const hook = hookInfo(world, event);
  return {
    model: world.model,
    controllerUuid: "00000000-0000-4000-8000-000000000001",
    unit: unitOf(world),
    application: world.app,
    machine: "0",
    principal: "",
    ...(hook === undefined ? {} : { hook }),
    ...(typeof event === "object" && "action" in event ? { action: actionOf(event, definition) } : {}),
    leader: world.leader,
    config: configOf(world, definition),
    relations: Object.fromEntries(
      world.relations.map((relation) => [relation.id, relationView(world, relation, hook, definition)]),
    ),
    endpoints: Object.fromEntries(
      endpoints.map(({ name, role, interface: spoken }) => [name, { role, interface: spoken }]),
    ),
    extraBindings,
    addresses: world.addresses,
    publicAddress: world.addresses[0] ?? "",
    privateAddress: world.addresses[0] ?? "",
    unitStatus: status(world.status),
    ...(world.appStatus === "unknown" ? {} : { applicationStatus: status(world.appStatus) }),
    units: { [unitOf(world)]: status(world.status) },
    workloadVersion: world.workloadVersion,
    openPorts: world.openPorts.map(parsePort),
    charmState: {},
    ownSecrets: Object.fromEntries(
      world.secrets.filter(isManaged(world)).map((secret) => [secret.id, ownSecret(world, secret)]),
    ),
    consumedSecrets: Object.fromEntries(
      world.secrets.filter(({ owner }) => owner === "remote").map((secret) => [secret.id, consumed(secret)]),
    ),
    resources: definition.metadata.resources.map(({ name }) => name),
    goalState: goalState(world, nowMs),
    settings: {},
    leaderSettings: {},
    trust: false,
  };
}

/** Which secrets the unit may manage: its own, and as leader its application's. */
export function isManaged(world: World): (secret: FullSecret) => boolean {
  return ({ owner }) => owner === "unit" || (owner === "application" && world.leader);
}

function actionOf(
  event: { action: string; params?: Readonly<Record<string, unknown>> },
  definition: CharmDefinition,
): NonNullable<HookView["action"]> {
  const action = definition.actions.actions.find(({ name }) => name === event.action);
  if (action === undefined) throw new GivenError(`the charm defines no action "${event.action}"`);
  return { taskId: "1", name: event.action, parameters: actionParamsOf(action, event.params ?? {}) };
}

function configOf(world: World, { config }: CharmDefinition): HookView["config"] {
  return Object.fromEntries(
    config.options.map(({ name, type, default: preset }) => {
      const value = world.config[name] ?? preset;
      return [name, value === undefined ? { type } : { type, value }];
    }),
  );
}

function hookInfo(world: World, event: EventGiven): HookInfo | undefined {
  if (typeof event === "object" && "action" in event) return undefined;
  const facts = typeof event === "string" ? { hook: event } : event;
  const [, endpoint, kind] =
    /^(.+)-relation-(created|joined|changed|departed|broken)$/.exec(facts.hook) ?? [];
  if (endpoint !== undefined && kind !== undefined) return relationHook(world, { ...facts, endpoint, kind });
  if (facts.hook.startsWith("secret-")) return secretHook(world, facts);
  return { name: facts.hook };
}

interface RelationFacts {
  readonly hook: string;
  readonly endpoint: string;
  readonly kind: string;
  readonly relation?: number;
  readonly unit?: string;
  readonly departingUnit?: string;
}

function relationHook(
  world: World,
  { hook, endpoint, kind, relation: id, unit, departingUnit }: RelationFacts,
): HookInfo {
  const candidates = world.relations.filter(
    (relation) => relation.endpoint === endpoint && (id === undefined || relation.id === id),
  );
  const [relation, another] = candidates;
  if (relation === undefined)
    throw new GivenError(`"${hook}" needs a relation of "${endpoint}", and there is none`);
  if (another !== undefined)
    throw new GivenError(`"${hook}" could be about several relations: say which by its id`);
  const isAboutUnit = kind === "joined" || kind === "departed" || kind === "changed";
  const remoteUnit = isAboutUnit ? (unit ?? onlyUnit(relation, hook, kind)) : undefined;
  const leaving = kind === "departed" ? (departingUnit ?? remoteUnit) : undefined;
  return {
    name: hook,
    relationId: relation.id,
    remoteApplication: relation.app,
    ...(remoteUnit === undefined ? {} : { remoteUnit }),
    ...(leaving === undefined ? {} : { departingUnit: leaving }),
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

function secretHook(
  world: World,
  { hook, secret: id, revision }: { hook: string; secret?: string; revision?: number },
): HookInfo {
  const secret =
    world.secrets.find((candidate) => candidate.id === id) ??
    (id === undefined && world.secrets.length === 1 ? world.secrets[0] : undefined);
  if (secret === undefined) throw new GivenError(`"${hook}" needs one of the secrets: say which`);
  const isForOwner = hook !== "secret-changed";
  if (isForOwner !== (secret.owner !== "remote"))
    throw new GivenError(`"${hook}" comes to ${isForOwner ? "the owner" : "readers"} of a secret`);
  return {
    name: hook,
    secretId: secret.id,
    ...(secret.label === undefined ? {} : { secretLabel: secret.label }),
    ...(revision === undefined ? {} : { secretRevision: revision }),
  };
}

function relationView(
  world: World,
  relation: FullRelation,
  hook: HookInfo | undefined,
  definition: CharmDefinition,
): RelationView {
  const isPeer = definition.metadata.endpoints.some(
    ({ name, role }) => name === relation.endpoint && role === "peer",
  );
  const own = isPeer || world.leader ? { [world.app]: relation.ownAppData } : {};
  const leaving = hook?.relationId === relation.id ? hook.departingUnit : undefined;
  return {
    id: relation.id,
    endpoint: relation.endpoint,
    peer: isPeer,
    dying: relation.dying || hook?.name === `${relation.endpoint}-relation-broken`,
    remoteApplication: relation.app,
    members: Object.keys(relation.units)
      .filter((unit) => unit !== leaving)
      .toSorted(),
    bags: {
      ...(isPeer ? {} : { [relation.app]: relation.appData }),
      ...own,
      [unitOf(world)]: relation.ownUnitData,
      ...relation.units,
    },
    remoteModelUuid: world.model.uuid,
  };
}

function ownSecret(world: World, secret: FullSecret): SecretView {
  const { id, label, description, rotate, expiresAt, revision } = secret;
  return {
    id,
    owner: secret.owner === "application" ? "application" : "unit",
    ...(label === undefined ? {} : { label }),
    ...(description === undefined ? {} : { description }),
    ...(rotate === undefined ? {} : { rotate }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    latest: revision,
    revisions: [revision],
    grants: (secret.grants ?? []).map(({ relation, unit }) => ({
      target: unit ?? world.relations.find(({ id: other }) => other === relation)?.app ?? "",
      scope: `relation-${relation}`,
    })),
  };
}

function consumed({ label, revision, latest }: FullSecret): HookView["consumedSecrets"][string] {
  return {
    ...(label === undefined ? {} : { label }),
    tracked: revision,
    latest: latest === undefined ? revision : revision + 1,
  };
}

function goalState(world: World, nowMs: number): HookView["goalState"] {
  const since = nowMs;
  const { status } = splitStatus(world.status);
  const units = Array.from(
    { length: world.plannedUnits },
    (_, n) =>
      [
        `${world.app}/${world.unitNumber + n}`,
        { status: n === 0 ? (status as WorkloadStatus) : "waiting", since },
      ] as const,
  );
  return { units: Object.fromEntries(units), relations: {} };
}
