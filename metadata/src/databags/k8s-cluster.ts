/**
 * The raw databags of the interface `k8s-cluster`, as every implementation of it writes them. What a charm works with are the
 * domain values of `@cantrip/relations`; these are what crosses the border.
 */
export type { K8SClusterAppBag as K8sClusterAppBag } from "../generated/k8s-cluster-app.ts";
export { validate as isK8sClusterAppBag } from "../generated/k8s-cluster-app.validator.js";
export type { K8SClusterToken as K8sClusterToken } from "../generated/k8s-cluster-token.ts";
export { validate as isK8sClusterToken } from "../generated/k8s-cluster-token.validator.js";
export type { K8SClusterUnitBag as K8sClusterUnitBag } from "../generated/k8s-cluster-unit.ts";
export { validate as isK8sClusterUnitBag } from "../generated/k8s-cluster-unit.validator.js";
