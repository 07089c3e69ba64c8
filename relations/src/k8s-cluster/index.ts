/**
 * The `k8s-cluster` relation interface: join tokens and versions between the control plane and the units that join it,
 * on the peer relation `cluster` and on `k8s-cluster`/`cluster` between applications. Start at ClusterProvider (the
 * control plane) and ClusterRequirer (whoever joins); the keys and what they may hold are in `bags.ts`.
 * Never imports a charm, never talks to a node, never touches disk.
 */
export { TokenAllocator, type Claim, type NodeToken } from "./allocator.ts";
export {
  parseAppBag,
  parseUnitBag,
  type AppBag,
  type ClaimantState,
  type DepartedNode,
  type NodeKind,
  type TokenFailure,
  type UnitBag,
} from "./bags.ts";
export { BootstrapClaim, decideBootstrap, type BootstrapDecision } from "./bootstrap-claim.ts";
export { TokenClaimant, type Offer } from "./claimant.ts";
export { clusterNameFor, consensus } from "./cluster-name.ts";
export { decideClaim, type ClaimDecision } from "./decide.ts";
export { ClusterProvider, ClusterRequirer, type ClusterEvent, type ClusterEvents } from "./endpoint.ts";
export type { RawBag, RelationBags, SecretHandle, SecretStore } from "./ports.ts";
