/** The program of the charm `k8s-worker`: one dispatch. Its chapters are in `charm.ts`. */
import { main } from "@cantrip/lib";
import { K8sWorkerCharm } from "./charm.ts";

await main(K8sWorkerCharm);
