/** Names of clusters, and what the bags of several control planes agree on. */
import { createHash } from "node:crypto";
import { parseUnitBag } from "./bags.ts";
import type { RelationBags } from "./ports.ts";

/** The same for every unit of an application in a model, so that it survives a change of leader. */
export function clusterNameFor(app: string, modelUuid: string): string {
  return `k8s-${createHash("sha256").update(`${app}-${modelUuid}`).digest("hex").slice(0, 32)}`;
}

/** The one name that the remote units give; undefined while none does. @throws when they disagree */
export async function consensus(relation: RelationBags): Promise<string | undefined> {
  const bags = await Promise.all((await relation.units()).map((unit) => relation.data(unit)));
  const names = new Set(bags.flatMap((bag) => parseUnitBag(bag).clusterName ?? []));
  if (names.size > 1)
    throw new Error(
      `Cannot tell which cluster to join: the units of "${relation.app}" name ${names.size} clusters (${[...names].join(", ")}); expected one`,
    );
  return [...names][0];
}
