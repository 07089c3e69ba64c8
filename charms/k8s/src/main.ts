/** The program of the charm `k8s`: one dispatch. Its chapters are in `charm.ts`. */
import { main } from "@cantrip/lib";
import { K8sCharm } from "./charm.ts";

await main(K8sCharm);
