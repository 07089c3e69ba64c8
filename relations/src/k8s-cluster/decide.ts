/** What the control plane's leader does about one unit on the relation; pure, so that it reads as a table. */
import type { ClaimantState, NodeKind, UnitBag } from "./bags.ts";

export type ClaimDecision =
  | { kind: "not asked" }
  | { kind: "elsewhere"; cluster: string }
  | { kind: "other kind"; nodeKind: NodeKind }
  | { kind: "settle"; node: string }
  | { kind: "settled"; node: string }
  | { kind: "issue"; node: string }
  | { kind: "reissue"; node: string; revision: number }
  /** The unit had joined and says so no longer: its machine was made anew, the old node goes first. */
  | { kind: "replace"; node: string; old: string }
  | { kind: "in flight"; node: string };

export interface ClaimFacts {
  readonly bag: UnitBag;
  readonly state: ClaimantState | undefined;
  /** Counter in the content of the unit's secret; undefined where no readable secret exists. */
  readonly secretRevision: number | undefined;
  readonly clusterName: string;
  readonly nodeKind: NodeKind;
}

export function decideClaim({
  bag,
  state,
  secretRevision,
  clusterName,
  nodeKind,
}: ClaimFacts): ClaimDecision {
  const node = bag.nodeName;
  if (!node) return { kind: "not asked" };
  if (bag.joined && bag.joined !== clusterName) return { kind: "elsewhere", cluster: bag.joined };
  if (bag.joined) {
    const recorded = state?.phase === "joined" && state.node === node && secretRevision === undefined;
    return { kind: recorded ? "settled" : "settle", node };
  }
  if (bag.nodeKind !== nodeKind) return { kind: "other kind", nodeKind: bag.nodeKind };
  if (state?.phase === "joined") return { kind: "replace", node, old: state.node };
  if (secretRevision === undefined || state?.node !== node) return { kind: "issue", node };
  if (bag.tokenFailure?.revision === secretRevision)
    return { kind: "reissue", node, revision: secretRevision + 1 };
  return { kind: "in flight", node };
}
