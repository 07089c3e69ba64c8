/** The charm `k8s`, the control plane. Start at `charm.ts`. Never runs on import: the program is `main.ts`. */
export { K8sCharm } from "./charm.ts";
export { MISSING_FEATURES, parseOptions, type Options } from "./options.ts";
