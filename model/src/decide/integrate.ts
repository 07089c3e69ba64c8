/** Which endpoints of two applications fit, and the relations made of them. */
import { jujuInfo } from "@cantrip/metadata";
import type { Endpoint } from "@cantrip/metadata";
import type { Deciders, Draft } from "../draft.ts";
import { findApplication, relationKey, relationsOf } from "../entities.ts";
import { ModelError } from "../errors.ts";
import { charmOf } from "../settings.ts";
import type { Charm, RelationEndpoint } from "../state.ts";
import { refuseUnlessAlive } from "./model.ts";

export const integrateCommands: Pick<Deciders, "integrate"> = {
  integrate: (draft, { endpoints }) => {
    refuseUnlessAlive(draft);
    const pair = fittingPair(draft, endpoints);
    const key = relationKey({ endpoints: pair });
    refuseKnown(draft, key, pair);
    refuseDying(draft, key, pair);
    refuseContainerScope(key, pair);
    refuseOverLimit(draft, pair);
    addRelation(draft, pair);
  },
};

export function addPeerRelations(draft: Draft, application: string, charm: Charm): void {
  const known = new Set(relationsOf(draft.state, application).map((relation) => relationKey(relation)));
  for (const endpoint of charm.metadata.endpoints) {
    if (endpoint.role !== "peer" || known.has(`${application}:${endpoint.name}`)) continue;
    addRelation(draft, [endpointOf(application, endpoint)]);
  }
}

function addRelation(draft: Draft, endpoints: readonly RelationEndpoint[]): void {
  const id = draft.state.counters.relation;
  const relation = {
    id,
    endpoints,
    life: "alive",
    suspended: false,
    unitBags: {},
    applicationBags: {},
  } as const;
  draft.emit({ type: "relation-added", relation: { ...relation, createdAt: draft.now } });
}

const endpointOf = (application: string, endpoint: Endpoint): RelationEndpoint => ({
  application,
  name: endpoint.name,
  role: endpoint.role,
  interface: endpoint.interface,
  scope: endpoint.scope,
});

/** `app` or `app:endpoint` */
export function parseEndpoint(text: string): { application: string; endpoint?: string } {
  const [application = "", endpoint, surplus] = text.split(":");
  if (application === "" || endpoint === "" || surplus !== undefined)
    throw new ModelError("bad request", `invalid endpoint ${JSON.stringify(text)}`);
  return { application, ...(endpoint === undefined ? {} : { endpoint }) };
}

function offered(draft: Draft, text: string): RelationEndpoint[] {
  const { application: name, endpoint } = parseEndpoint(text);
  const charm = charmOf(draft.state, findApplication(draft.state, name));
  const all = [...(charm?.metadata.endpoints ?? []), jujuInfo].filter(({ role }) => role !== "peer");
  const chosen = endpoint === undefined ? all : all.filter((each) => each.name === endpoint);
  if (chosen.length === 0 && endpoint !== undefined)
    throw new ModelError("not found", `application "${name}" has no "${endpoint}" relation`);
  return chosen.map((each) => endpointOf(name, each));
}

type Pair = [RelationEndpoint, RelationEndpoint];

/** @throws ModelError in Juju's words, unless exactly one pair fits */
function fittingPair(draft: Draft, [first, second]: readonly [string, string]): Pair {
  const [left, right] = [offered(draft, first), offered(draft, second)];
  if (parseEndpoint(first).application === parseEndpoint(second).application)
    throw new ModelError(
      "bad request",
      `cannot relate application "${parseEndpoint(first).application}" to itself`,
    );
  const all = left.flatMap((a) => right.flatMap((b) => matched(a, b)));
  const explicit = all.filter((pair) => pair.every(({ name }) => name !== jujuInfo.name));
  const candidates = explicit.length > 0 ? explicit : all;
  const [only, ...others] = candidates;
  if (!only) throw new ModelError("not found", "no relations found");
  if (others.length === 0) return only;
  const keys = candidates.map((pair) => `"${relationKey({ endpoints: pair })}"`).sort();
  throw new ModelError(
    "bad request",
    `ambiguous relation: "${first} ${second}" could refer to ${keys.join("; ")}`,
  );
}

/** Requirer first, as in Juju's keys. */
function matched(a: RelationEndpoint, b: RelationEndpoint): [Pair] | [] {
  if (a.interface !== b.interface) return [];
  if (a.role === "requirer" && b.role === "provider") return [[a, b]];
  if (a.role === "provider" && b.role === "requirer") return [[b, a]];
  return [];
}

function refuseKnown(draft: Draft, key: string, [{ application }]: Pair): void {
  const known = relationsOf(draft.state, application).find((relation) => relationKey(relation) === key);
  if (!known) return;
  const why =
    known.life === "alive"
      ? `relation ${key} already exists`
      : `relation ${key} is dying, but not yet removed`;
  throw new ModelError("already exists", `cannot add relation "${key}": ${why}`);
}

function refuseDying(draft: Draft, key: string, pair: Pair): void {
  const dying = pair.find(({ application }) => findApplication(draft.state, application).life !== "alive");
  if (!dying) return;
  throw new ModelError(
    "bad request",
    `cannot add relation "${key}": application "${dying.application}" is not alive`,
  );
}

function refuseContainerScope(key: string, pair: Pair): void {
  if (pair.every(({ scope }) => scope === "global")) return;
  const why = "container scoped relations need a subordinate charm, and those are not implemented";
  throw new ModelError("not implemented", `cannot add relation "${key}": ${why}`);
}

function refuseOverLimit(draft: Draft, pair: Pair): void {
  for (const { application, name } of pair) {
    const charm = charmOf(draft.state, findApplication(draft.state, application));
    const limit = charm?.metadata.endpoints.find((endpoint) => endpoint.name === name)?.limit ?? 0;
    const used = relationsOf(draft.state, application).filter(({ endpoints }) =>
      endpoints.some((endpoint) => endpoint.application === application && endpoint.name === name),
    );
    if (limit === 0 || used.length < limit) continue;
    const what = `establishing a new relation for ${application}:${name}`;
    throw new ModelError(
      "quota limit exceeded",
      `${what} would exceed its maximum relation limit of ${limit}`,
    );
  }
}
