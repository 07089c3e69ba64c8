import type { HookBuffer, PortRange, SecretChange } from "@cantrip/model";
import { type FullRelation, type FullSecret, type World } from "./given.ts";
import { formatPort, parsePort } from "./ports.ts";

type Bag = Readonly<Record<string, string>>;

/** What the controller does with a hook's changes when it ended well. */
export function commit(world: World, { changes }: HookBuffer): void {
  for (const [id, writes] of Object.entries(changes.relations)) {
    const relation = world.relations.find((candidate) => candidate.id === Number(id));
    if (relation !== undefined) writeBags(world, relation, writes);
  }
  world.openPorts = portsAfter(world.openPorts, changes.ports);
  for (const change of changes.secrets) changeSecret(world, change);
}

function writeBags(
  world: World,
  relation: FullRelation,
  { unit, application }: { unit?: Bag; application?: Bag },
): void {
  if (unit !== undefined) relation.ownUnitData = merged(relation.ownUnitData, unit);
  if (application === undefined) return;
  relation.ownAppData = merged(relation.ownAppData, application);
  if (relation.app === world.app) relation.appData = relation.ownAppData;
}

const merged = (bag: Bag, changes: Bag): Bag =>
  Object.fromEntries(Object.entries({ ...bag, ...changes }).filter(([, value]) => value !== ""));

function portsAfter(
  present: readonly string[],
  { open, close }: { open: PortRange[]; close: PortRange[] },
): string[] {
  const closed = new Set(close.map(formatPort));
  const kept = present.filter((port) => !closed.has(formatPort(parsePort(port))));
  return [...new Set([...kept, ...open.map(formatPort)])].toSorted();
}

function changeSecret(world: World, change: SecretChange): void {
  if (change.kind === "add") {
    const { id, owner, content = {} } = change;
    world.secrets.push({ id, owner, ...described(change), content, revision: 1, grants: [] });
    return;
  }
  const secret = world.secrets.find(({ id }) => id === change.id);
  if (secret !== undefined) changeKnown(world, secret, change);
}

function changeKnown(world: World, secret: FullSecret, change: Exclude<SecretChange, { kind: "add" }>): void {
  switch (change.kind) {
    case "set":
      Object.assign(secret, described(change), change.content && newRevision(secret, change.content));
      return;
    case "remove":
      if (change.revision === undefined || change.revision === secret.revision)
        world.secrets = world.secrets.filter((other) => other !== secret);
      return;
    case "grant":
      secret.grants = [
        ...(secret.grants ?? []),
        { relation: change.relation, ...(change.unit === undefined ? {} : { unit: change.unit }) },
      ];
      return;
    case "revoke":
      secret.grants = (secret.grants ?? []).filter(({ relation, unit }) =>
        change.unit === undefined ? relation !== change.relation : unit !== change.unit,
      );
      return;
    case "track":
      track(secret, change);
      return;
    default:
      change satisfies never;
  }
}

function track(secret: FullSecret, { revision, label }: { revision: number; label?: string }): void {
  if (label !== undefined) secret.label = label;
  if (secret.latest === undefined || revision === secret.revision) return;
  secret.content = secret.latest;
  secret.revision = revision;
  delete secret.latest;
}

function described({
  label,
  description,
  rotate,
  expiresAt,
}: {
  label?: string;
  description?: string;
  rotate?: string;
  expiresAt?: number;
}): Partial<FullSecret> {
  return {
    ...(label === undefined ? {} : { label }),
    ...(description === undefined ? {} : { description }),
    ...(rotate === undefined ? {} : { rotate }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

function newRevision(secret: FullSecret, content: Bag): Partial<FullSecret> {
  return JSON.stringify(content) === JSON.stringify(secret.content)
    ? {}
    : { content, revision: secret.revision + 1 };
}
