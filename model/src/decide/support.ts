/** What a charm may ask of a model, and which of that this one does not do. */
import type { Assumption } from "@cantrip/metadata";
import { ModelError } from "../errors.ts";
import { modelDefaults } from "../settings.ts";
import type { Base, Charm, ModelState } from "../state.ts";

/** @throws ModelError naming the feature */
export function refuseUnsupported(state: ModelState, { metadata }: Charm): void {
  const unmet = metadata.assumes.map(reasonAgainst).find((reason) => reason !== undefined);
  const needsKubernetes =
    metadata.containers.length > 0 || metadata.resources.some(({ type }) => type === "oci-image");
  const reason = unmet ?? (needsKubernetes ? lacking("k8s-api") : undefined);
  if (reason !== undefined)
    throw new ModelError("not supported", `Charm cannot be deployed because: ${reason}`);
  if (metadata.subordinate)
    throw new ModelError("not implemented", `subordinate charms are not implemented: ${metadata.name}`);
  const storage = metadata.storage.find(({ min }) => min > 0);
  if (storage && !state.storage)
    throw new ModelError(
      "not implemented",
      `storage is not implemented: ${metadata.name} requires "${storage.name}"`,
    );
}

const lacking = (feature: string): string =>
  `charm requires feature ${JSON.stringify(feature)} but model does not support it`;

function reasonAgainst(assumption: Assumption): string | undefined {
  if (typeof assumption === "string") return reasonAgainstFeature(assumption);
  if ("allOf" in assumption)
    return assumption.allOf.map(reasonAgainst).find((reason) => reason !== undefined);
  const reasons = assumption.anyOf.map(reasonAgainst);
  return reasons.includes(undefined) ? undefined : (reasons[0] ?? undefined);
}

function reasonAgainstFeature(text: string): string | undefined {
  const [, feature = "", operator, wanted] =
    /^\s*([a-z0-9-]+)\s*(?:(>=|<)\s*([0-9.]+))?\s*$/.exec(text) ?? [];
  if (feature !== "juju") return lacking(feature || text);
  if (operator === undefined || wanted === undefined) return undefined;
  const present = String(modelDefaults["agent-version"]);
  const isNewEnough = compareVersions(present, wanted) >= 0;
  if (isNewEnough === (operator === ">=")) return undefined;
  return `charm requires feature "juju" (version ${operator} ${wanted}) but model currently supports version ${present}`;
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (const index of [0, 1, 2]) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** @throws ModelError when the charm's manifest does not name the base */
export function refuseBase(charm: Charm, base: Base): void {
  const bases = charm.manifest?.bases ?? [];
  const track = (channel: string): string => channel.split("/")[0] ?? "";
  if (bases.length === 0) return;
  if (bases.some(({ name, channel }) => name === base.name && track(channel) === track(base.channel))) return;
  const known = bases.map(({ name, channel }) => `${name}@${track(channel)}`).join(", ");
  throw new ModelError(
    "incompatible base",
    `base "${base.name}@${track(base.channel)}" not supported by charm, the charm supported bases are: ${known}`,
  );
}
