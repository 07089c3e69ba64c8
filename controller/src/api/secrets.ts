/** `secret-get` of a unit: which secret it means, whether it may read it, and which revision it sees (juju.md 7.4). */
import type { ModelState, Secret, Unit } from "@cantrip/model";
import { ApiError } from "../facade.ts";
import type { LiveModel } from "../models.ts";

export interface SecretQuery {
  readonly id?: string;
  readonly label?: string;
  readonly mode: "tracked" | "peek" | "refresh";
  readonly newLabel?: string;
}

export interface SecretReading {
  readonly id: string;
  readonly revision: number;
  readonly contentId: string;
}

/** Reads as `unit`; a first read, and one that refreshes, moves what the unit tracks. */
export async function readSecret(
  model: LiveModel,
  unitName: string,
  query: SecretQuery,
): Promise<SecretReading> {
  const unit = model.state.units[unitName];
  if (!unit) throw new ApiError("not found", `unit "${unitName}" not found`);
  const secret = findSecret(model.state, unit, query);
  const owns = isOwner(secret, unit);
  const tracked = secret.consumers[unitName]?.tracked;
  const isFirst = tracked === undefined;
  const revision = owns || isFirst || query.mode !== "tracked" ? secret.latest : tracked;
  const moves =
    !owns && (query.mode === "refresh" || (isFirst && query.mode === "tracked")) && tracked !== revision;
  const labels = query.newLabel !== undefined && secret.consumers[unitName]?.label !== query.newLabel;
  if (moves || (labels && !owns)) {
    const label = query.newLabel === undefined ? {} : { label: query.newLabel };
    const now = moves ? revision : (tracked ?? revision);
    await model.execute(
      { type: "track-secret", unit: unitName, secretId: secret.id, revision: now, ...label },
      { by: "agent", unit: unitName },
    );
  }
  const found = secret.revisions.find((r) => r.revision === revision);
  if (!found) throw new ApiError("not found", `secret revision "${secret.id}/${revision}" not found`);
  return { id: secret.id, revision, contentId: found.contentId };
}

function findSecret(state: Readonly<ModelState>, unit: Unit, { id, label }: SecretQuery): Secret {
  if (id !== undefined) {
    const secret = Object.hasOwn(state.secrets, id) ? state.secrets[id] : undefined;
    if (!secret) throw new ApiError("not found", `secret "${id}" not found`);
    if (mayRead(secret, unit)) return secret;
    if (secret.owner.kind === "model") throw new ApiError("unauthorized access", "permission denied");
    throw new ApiError("not found", `secret "${id}" not found`);
  }
  const all = Object.values(state.secrets);
  const secret =
    all.find((s) => isOwner(s, unit) && s.label === label) ??
    all.find((s) => s.consumers[unit.name]?.label === label && mayRead(s, unit));
  if (!secret) throw new ApiError("not found", `consumer label "${label}" not found`);
  return secret;
}

/** Units of the owning application count as its owner when reading. */
function isOwner({ owner }: Secret, unit: Unit): boolean {
  return (
    (owner.kind === "application" && owner.name === unit.application) ||
    (owner.kind === "unit" && owner.name === unit.name)
  );
}

function mayRead(secret: Secret, unit: Unit): boolean {
  return (
    isOwner(secret, unit) ||
    secret.grants.some(({ subject }) => subject === unit.name || subject === unit.application)
  );
}
