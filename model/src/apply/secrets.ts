import type { SecretEvents } from "../events.ts";
import { copy, own, put } from "../records.ts";
import type { ModelState, Secret } from "../state.ts";
import type { Appliers } from "./appliers.ts";

const on =
  <Event extends { id: string }>(change: (secret: Secret, event: Event, state: ModelState) => void) =>
  (state: ModelState, event: Event): void => {
    const secret = own(state.secrets, event.id);
    if (secret) change(secret, event, state);
  };

function update(secret: Secret, event: Extract<SecretEvents, { type: "secret-updated" }>): void {
  const { label, description, rotate, nextRotation, expiresAt, at } = event;
  if (label !== undefined) secret.label = label;
  if (description !== undefined) secret.description = description;
  if (rotate !== undefined) secret.rotate = rotate;
  if (nextRotation !== undefined) delete secret.rotationDue;
  if (nextRotation === null) delete secret.nextRotation;
  else if (nextRotation !== undefined) secret.nextRotation = nextRotation;
  const newest = secret.revisions.find(({ revision }) => revision === secret.latest);
  if (expiresAt !== undefined && newest) {
    newest.expiresAt = expiresAt;
    delete newest.expiryDue;
  }
  secret.updatedAt = at;
}

const revisionOf = (secret: Secret, revision: number) =>
  secret.revisions.find((each) => each.revision === revision);

function forget(state: ModelState, id: string): void {
  delete state.secrets[id];
  for (const { uniter } of Object.values(state.units)) delete uniter.secrets[id];
}

export const secretEvents: Appliers<SecretEvents["type"]> = {
  "secret-added": (state, { secret }) => put(state.secrets, secret.id, copy(secret)),
  "secret-updated": on(update),
  "secret-revision-added": on((secret, { revision, nextRotation }) => {
    secret.revisions.push(copy(revision));
    secret.latest = revision.revision;
    // A log from before may give a number again: the count does not go back with it.
    if (secret.made !== undefined) secret.made = Math.max(secret.made, revision.revision);
    secret.updatedAt = revision.createdAt;
    if (nextRotation === undefined) return;
    secret.nextRotation = nextRotation;
    delete secret.rotationDue;
  }),
  "secret-revision-removed": on((secret, { revision }, state) => {
    for (const { uniter } of Object.values(state.units)) {
      const known = own(uniter.secrets, secret.id);
      if (known) known.obsoleteSeen = known.obsoleteSeen.filter((each) => each !== revision);
    }
    secret.revisions = secret.revisions.filter((each) => each.revision !== revision);
    // Its number is never given again: who has read that one has to hear of the next.
    secret.made ??= secret.latest;
    secret.latest = secret.revisions.at(-1)?.revision ?? secret.latest;
  }),
  "secret-removed": (state, { id }) => forget(state, id),
  "secret-granted": on((secret, { subject, relation }) => {
    secret.grants = secret.grants.filter((grant) => grant.subject !== subject || grant.relation !== relation);
    secret.grants.push(relation === undefined ? { subject } : { subject, relation });
  }),
  "secret-revoked": on((secret, { subject, relation }) => {
    const isRevoked = (grant: Secret["grants"][number]): boolean =>
      (subject === undefined || grant.subject === subject) &&
      (relation === undefined || grant.relation === relation);
    secret.grants = secret.grants.filter((grant) => !isRevoked(grant));
  }),
  "secret-tracked": on((secret, { unit, revision, label }) => {
    const known = own(secret.consumers, unit);
    const kept = label ?? known?.label;
    put(secret.consumers, unit, { tracked: revision, ...(kept === undefined ? {} : { label: kept }) });
  }),
  "secret-rotation-due": on((secret) => {
    secret.rotationDue = true;
  }),
  "secret-expiry-due": on((secret, { revision }) => {
    const found = revisionOf(secret, revision);
    if (found) found.expiryDue = true;
  }),
  "secret-rotation-postponed": on((secret, { at }) => {
    secret.nextRotation = at;
    delete secret.rotationDue;
  }),
  "secret-expiry-postponed": on((secret, { revision, at }) => {
    const found = revisionOf(secret, revision);
    if (!found) return;
    found.expiresAt = at;
    delete found.expiryDue;
  }),
};
