/** The labels of the Node: what this charm set is recorded in an annotation on the Node, so that unsetting works. */
import type { KubernetesNode, NodePatch } from "./kubernetes/api.ts";
import type { Label } from "./options/pairs.ts";

const RECORD = "cantrip/charm-labels";

/** What is to change; undefined if nothing is. */
export function labelPatch(
  node: Pick<KubernetesNode, "labels" | "annotations">,
  option: readonly Label[],
  always: Readonly<Record<string, string>>,
): NodePatch | undefined {
  const wanted = new Map<string, string | null>([
    ...option.map(({ key, value }) => [key, value] as const),
    ...Object.entries(always),
  ]);
  const set = [...wanted].flatMap(([key, value]) => (value === null ? [] : [key])).toSorted();
  const earlier = (node.annotations[RECORD] ?? "").split(",").filter((key) => key !== "");
  const gone = earlier.filter((key) => !wanted.has(key)).map((key) => [key, null] as const);
  const labels = [...wanted, ...gone].filter(([key, value]) => (node.labels[key] ?? null) !== value);
  const record = set.join(",");
  if (labels.length === 0 && record === earlier.join(",")) return undefined;
  return { labels: Object.fromEntries(labels), annotations: { [RECORD]: record } };
}
