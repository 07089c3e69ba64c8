/** What a hook has asked for secrets. The controller has put their contents aside: here are only names of contents. */
import { isSecretId } from "@cantrip/metadata";
import type { Draft } from "../draft.ts";
import { findRelation, findUnit, isLeading, managesSecret, remoteEndpoint } from "../entities.ts";
import { ModelError } from "../errors.ts";
import type { SecretChange } from "../hook-changes.ts";
import { own } from "../records.ts";
import type { Secret, SecretRevision, Unit } from "../state.ts";

const dayMs = 86_400_000;
/** How long a secret lives between rotations; `never` is none of them. */
const rotationMs: Readonly<Record<string, number>> = {
  hourly: 3_600_000,
  daily: dayMs,
  weekly: 7 * dayMs,
  monthly: 30 * dayMs,
  quarterly: 90 * dayMs,
  yearly: 365 * dayMs,
};

type ChangeOf<Kind extends SecretChange["kind"]> = Extract<SecretChange, { kind: Kind }>;
type Committers = {
  [Kind in SecretChange["kind"]]: (draft: Draft, unit: Unit, change: ChangeOf<Kind>) => void;
};

const committers: Committers = { add, set: update, remove, grant, revoke, track };

/** @throws ModelError when the unit may not do one of them */
export function commitSecrets(draft: Draft, name: string, changes: readonly SecretChange[]): void {
  for (const change of changes) {
    const commit = own(
      committers as Record<string, (draft: Draft, unit: Unit, change: never) => void>,
      change.kind,
    );
    if (!commit)
      throw new ModelError("bad request", `unknown change of a secret: ${JSON.stringify(change.kind)}`);
    commit(draft, findUnit(draft.state, name), change as never);
  }
}

const notFound = (id: string): ModelError => new ModelError("not found", `secret "${id}" not found`);

function managed(draft: Draft, unit: Unit, id: string): Secret {
  const secret = own(draft.state.secrets, id);
  if (!secret || !managesSecret(draft.state, unit, secret)) throw notFound(id);
  return secret;
}

function add(draft: Draft, unit: Unit, change: ChangeOf<"add">): void {
  const { id, owner: kind, label, description, rotate } = change;
  if (!isSecretId(id)) throw new ModelError("bad request", `invalid secret id ${JSON.stringify(id)}`);
  if (own(draft.state.secrets, id)) throw new ModelError("already exists", `secret "${id}" already exists`);
  if (kind === "application" && !isLeading(draft.state, unit))
    throw new ModelError("unauthorized access", "this unit is not the leader");
  const owner = { kind, name: kind === "unit" ? unit.name : unit.application };
  if (label !== undefined) refuseLabel(draft, owner, label);
  const { now } = draft;
  const period = own(rotationMs, rotate ?? "never");
  const secret: Secret = {
    id,
    owner,
    ...(label === undefined ? {} : { label }),
    ...(description === undefined ? {} : { description }),
    ...(rotate === undefined ? {} : { rotate }),
    ...(period === undefined ? {} : { nextRotation: now + period }),
    revisions: [revisionOf(draft, change, 1)],
    latest: 1,
    grants: [],
    consumers: {},
    createdAt: now,
    updatedAt: now,
  };
  draft.emit({ type: "secret-added", secret });
}

/** Labels are unique among the secrets of one owner. */
function refuseLabel(draft: Draft, owner: Secret["owner"], label: string): void {
  const isTaken = Object.values(draft.state.secrets).some(
    (secret) =>
      secret.label === label && secret.owner.kind === owner.kind && secret.owner.name === owner.name,
  );
  if (isTaken && label !== "")
    throw new ModelError("already exists", `secret with label "${label}" already exists`);
}

function revisionOf(
  { now }: Draft,
  change: ChangeOf<"add"> | ChangeOf<"set">,
  revision: number,
): SecretRevision {
  const { contentId, checksum, expiresAt } = change;
  if (contentId === undefined || checksum === undefined)
    throw new ModelError("bad request", `content of secret "${change.id}" was not stored before its commit`);
  return { revision, createdAt: now, contentId, checksum, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

function update(draft: Draft, unit: Unit, change: ChangeOf<"set">): void {
  const { id, label, description, rotate, expiresAt, checksum } = change;
  const secret = managed(draft, unit, id);
  if (label !== undefined && label !== secret.label) refuseLabel(draft, secret.owner, label);
  const newest = secret.revisions.at(-1);
  const hasContent = change.contentId !== undefined && checksum !== newest?.checksum;
  if (hasContent) addRevision(draft, secret, change);
  const isNewPolicy = rotate !== undefined && rotate !== (secret.rotate ?? "never");
  const period = own(rotationMs, rotate ?? "never");
  const details = {
    ...(label === undefined ? {} : { label }),
    ...(description === undefined ? {} : { description }),
    ...(rotate === undefined ? {} : { rotate }),
    ...(isNewPolicy ? { nextRotation: period === undefined ? null : draft.now + period } : {}),
    ...(expiresAt === undefined || hasContent ? {} : { expiresAt }),
  };
  if (Object.keys(details).length > 0) draft.emit({ type: "secret-updated", id, ...details, at: draft.now });
}

function addRevision(
  draft: Draft,
  { id, latest, made = latest, rotate }: Secret,
  change: ChangeOf<"set">,
): void {
  const period = own(rotationMs, rotate ?? "never");
  draft.emit({
    type: "secret-revision-added",
    id,
    revision: revisionOf(draft, change, made + 1),
    ...(period === undefined ? {} : { nextRotation: draft.now + period }),
  });
}

function remove(draft: Draft, unit: Unit, { id, revision }: ChangeOf<"remove">): void {
  const secret = managed(draft, unit, id);
  const gone = secret.revisions.filter((each) => revision === undefined || each.revision === revision);
  if (gone.length === 0)
    throw new ModelError("not found", `secret revision "${id}/${String(revision)}" not found`);
  const contentIds = gone.map(({ contentId }) => contentId);
  if (gone.length === secret.revisions.length) draft.emit({ type: "secret-removed", id, contentIds });
  else draft.emit({ type: "secret-revision-removed", id, revision: gone[0]?.revision ?? 0, contentIds });
}

function grant(
  draft: Draft,
  unit: Unit,
  { id, relation: relationId, unit: target }: ChangeOf<"grant">,
): void {
  const secret = managed(draft, unit, id);
  const relation = findRelation(draft.state, relationId);
  const remote = remoteEndpoint(relation, unit.application)?.application;
  if (remote === undefined || !relation.endpoints.some(({ application }) => application === unit.application))
    throw new ModelError("unauthorized access", "permission denied");
  const subject = target ?? remote;
  if (target !== undefined && !target.startsWith(`${remote}/`))
    throw new ModelError("bad request", `unit "${target}" is not in relation ${relationId}`);
  const hasUnitGrants = secret.grants.some((each) => each.subject.startsWith(`${remote}/`));
  if (target === undefined && hasUnitGrants) {
    const why =
      "any unit level grants need to be revoked before granting access to the corresponding application";
    throw new ModelError("bad request", why);
  }
  const isKnown = secret.grants.some((each) => each.subject === subject && each.relation === relationId);
  if (!isKnown) draft.emit({ type: "secret-granted", id, subject, relation: relationId });
}

function revoke(draft: Draft, unit: Unit, change: ChangeOf<"revoke">): void {
  const { id, relation, application, unit: target } = change;
  const secret = managed(draft, unit, id);
  const subject = target ?? application;
  const isKnown = secret.grants.some(
    (each) =>
      (subject === undefined || each.subject === subject) &&
      (relation === undefined || each.relation === relation),
  );
  if (!isKnown) return;
  draft.emit({
    type: "secret-revoked",
    id,
    ...(subject === undefined ? {} : { subject }),
    ...(relation === undefined ? {} : { relation }),
  });
}

function track(draft: Draft, unit: Unit, { id, revision, label }: ChangeOf<"track">): void {
  trackSecret(draft, unit.name, id, revision, label);
}

/** From now on the unit reads this revision. What is gone by now cannot be tracked, and need not. */
export function trackSecret(draft: Draft, unit: string, id: string, revision: number, label?: string): void {
  const secret = own(draft.state.secrets, id);
  if (!secret) return;
  const known = own(secret.consumers, unit);
  if (label !== undefined && label !== known?.label) refuseConsumerLabel(draft, unit, id, label);
  if (known?.tracked === revision && (label === undefined || known.label === label)) return;
  draft.emit({ type: "secret-tracked", id, unit, revision, ...(label === undefined ? {} : { label }) });
}

function refuseConsumerLabel(draft: Draft, unit: string, id: string, label: string): void {
  const isTaken = Object.values(draft.state.secrets).some(
    (secret) => secret.id !== id && own(secret.consumers, unit)?.label === label,
  );
  if (isTaken) throw new ModelError("already exists", `secret consumer label "${label}" already exists`);
}
