/** The charm `k8s-worker`. Start at `charm.ts`. Never runs on import: the program is `main.ts`. */
export { K8sWorkerCharm } from "./charm.ts";
