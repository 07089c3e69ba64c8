/** Which revision of which secret a unit reads, and whether it may. */
import { parseSecretId } from "@cantrip/metadata";
import { ModelError } from "../errors.ts";
import { findUnit, managesSecret } from "../entities.ts";
import { own, put } from "../records.ts";
import type { HookView, SecretView } from "../hook-view.ts";
import type { ModelState, Secret, Unit } from "../state.ts";

export interface SecretRequest {
  readonly id?: string | undefined;
  readonly label?: string | undefined;
  readonly mode: "tracked" | "peek" | "refresh";
}
export interface SecretAnswer {
  readonly id: string;
  readonly revision: number;
  readonly contentId: string;
}

/**
 * What `secret-get` of a unit gives. Tracking is not part of it: the hook's commit brings that, or `track-secret`.
 * @throws ModelError as the tool prints it
 */
export function readSecret(state: ModelState, unitName: string, request: SecretRequest): SecretAnswer {
  const unit = findUnit(state, unitName);
  const secret =
    request.id === undefined ? byLabel(state, unit, request.label ?? "") : byId(state, unit, request.id);
  const revision = revisionFor(unit, secret, request.mode);
  const found = secret.revisions.find((each) => each.revision === revision);
  if (!found) throw new ModelError("not found", `secret revision "${secret.id}/${revision}" not found`);
  return { id: secret.id, revision, contentId: found.contentId };
}

function byId(state: ModelState, unit: Unit, text: string): Secret {
  const id = bareId(text);
  const secret = own(state.secrets, id);
  if (secret && mayRead(state, unit, secret)) return secret;
  if (secret?.owner.kind === "model") throw new ModelError("unauthorized access", "permission denied");
  throw new ModelError("not found", `secret "${id}" not found`);
}

/** The bare id of whatever form; what is no id is quoted as it came. */
export function bareId(text: string): string {
  try {
    return parseSecretId(text);
  } catch {
    throw new ModelError("not valid", `secret URI ${JSON.stringify(text.slice(0, 80))} not valid`);
  }
}

/** One's own secrets go by the owner's label, others by the one that this unit gave. */
function byLabel(state: ModelState, unit: Unit, label: string): Secret {
  const secrets = Object.values(state.secrets);
  const owned = secrets.find((secret) => secret.label === label && isOwn(unit, secret));
  const consumed = secrets.find((secret) => own(secret.consumers, unit.name)?.label === label);
  if (owned) return owned;
  if (consumed && mayRead(state, unit, consumed)) return consumed;
  throw new ModelError("not found", `consumer label "${label}" not found`);
}

const isOwn = (unit: Unit, { owner }: Secret): boolean =>
  owner.kind === "unit"
    ? owner.name === unit.name
    : owner.kind === "application" && owner.name === unit.application;

export function mayRead(state: ModelState, unit: Unit, secret: Secret): boolean {
  if (isOwn(unit, secret)) return true;
  return secret.grants.some(
    ({ subject, relation }) =>
      (subject === unit.name || subject === unit.application) &&
      (relation === undefined || own(state.relations, relation) !== undefined),
  );
}

/** Owners and their peers have the latest always. */
function revisionFor(unit: Unit, secret: Secret, mode: SecretRequest["mode"]): number {
  if (mode !== "tracked" || isOwn(unit, secret)) return secret.latest;
  return own(secret.consumers, unit.name)?.tracked ?? secret.latest;
}

export function ownSecrets(state: ModelState, unit: Unit): Record<string, SecretView> {
  const views: Record<string, SecretView> = {};
  for (const secret of Object.values(state.secrets))
    if (managesSecret(state, unit, secret)) put(views, secret.id, secretView(state, secret));
  return views;
}

function secretView(state: ModelState, secret: Secret): SecretView {
  const { id, owner, label, description, rotate, nextRotation, latest, revisions, grants } = secret;
  const expiresAt = revisions.at(-1)?.expiresAt;
  return {
    id,
    owner: owner.kind === "unit" ? "unit" : "application",
    ...(label === undefined ? {} : { label }),
    ...(description === undefined ? {} : { description }),
    ...(rotate === undefined ? {} : { rotate }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(nextRotation === undefined ? {} : { nextRotation }),
    latest,
    revisions: revisions.map(({ revision }) => revision),
    grants: grants.map(({ subject, relation }) => grantView(state, subject, relation)),
  };
}

const tagOf = (subject: string): string =>
  subject.includes("/") ? `unit-${subject.replace("/", "-")}` : `application-${subject}`;

function grantView(state: ModelState, subject: string, id: number | undefined): SecretView["grants"][number] {
  const relation = id === undefined ? undefined : own(state.relations, id);
  const key = relation?.endpoints.map(({ application, name }) => `${application}.${name}`).join("#");
  return { target: tagOf(subject), ...(key === undefined ? {} : { scope: `relation-${key}` }) };
}

export function consumedSecrets(state: ModelState, unit: Unit): HookView["consumedSecrets"] {
  const views: HookView["consumedSecrets"] = {};
  for (const { id, consumers, latest } of Object.values(state.secrets)) {
    const consumer = own(consumers, unit.name);
    if (consumer) put(views, id, { ...consumer, latest });
  }
  return views;
}
