/** What a unit is told about secrets: as owner, that one is due or obsolete; as consumer, that there is a newer one. */
import { applicationOfUnit, managesSecret } from "../entities.ts";
import { own } from "../records.ts";
import type { HookInfo, ModelState, Secret, Unit } from "../state.ts";

type Rule = (state: ModelState, unit: Unit, secret: Secret, now: number) => HookInfo | undefined;

const expired: Rule = (state, unit, secret, now) => {
  const due = secret.revisions.find(
    ({ expiresAt, expiryDue }) => expiryDue === true || (expiresAt !== undefined && expiresAt <= now),
  );
  return due && managesSecret(state, unit, secret)
    ? ownerHook("secret-expired", secret, due.revision)
    : undefined;
};

const rotate: Rule = (state, unit, secret, now) => {
  const { nextRotation, rotationDue } = secret;
  const isDue = rotationDue === true || (nextRotation !== undefined && nextRotation <= now);
  return isDue && managesSecret(state, unit, secret) ? ownerHook("secret-rotate", secret) : undefined;
};

const changed: Rule = (state, unit, secret) => {
  const consumer = own(secret.consumers, unit.name);
  if (!consumer || managesSecret(state, unit, secret)) return undefined;
  const seen = own(unit.uniter.secrets, secret.id)?.changedSeen ?? 0;
  if (consumer.tracked >= secret.latest || seen >= secret.latest) return undefined;
  const label = consumer.label === undefined ? {} : { secretLabel: consumer.label };
  return { name: "secret-changed", secretId: secret.id, ...label };
};

const remove: Rule = (state, unit, secret) => {
  if (!managesSecret(state, unit, secret)) return undefined;
  const seen = own(unit.uniter.secrets, secret.id)?.obsoleteSeen ?? [];
  const obsolete = obsoleteRevisions(secret).find((revision) => !seen.includes(revision));
  return obsolete === undefined ? undefined : ownerHook("secret-remove", secret, obsolete);
};

/** Revisions that are not the latest and that nobody tracks; units of the owner itself have the latest always. */
export function obsoleteRevisions({ owner, consumers, revisions, latest }: Secret): number[] {
  const others = Object.entries(consumers).filter(
    ([unit]) => unit !== owner.name && applicationOfUnit(unit) !== owner.name,
  );
  const tracked = new Set(others.map(([, consumer]) => consumer.tracked));
  return revisions
    .map(({ revision }) => revision)
    .filter((revision) => revision !== latest && !tracked.has(revision));
}

function ownerHook(name: string, secret: Secret, revision?: number): HookInfo {
  return {
    name,
    secretId: secret.id,
    ...(secret.label === undefined ? {} : { secretLabel: secret.label }),
    ...(revision === undefined ? {} : { secretRevision: revision }),
  };
}

export function nextSecretHook(state: ModelState, unit: Unit, now: number): HookInfo | undefined {
  const secrets = Object.values(state.secrets);
  for (const rule of [expired, rotate, changed, remove])
    for (const secret of secrets) {
      const hook = rule(state, unit, secret, now);
      if (hook) return hook;
    }
  return undefined;
}
