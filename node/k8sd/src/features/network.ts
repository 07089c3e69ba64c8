/** The feature `network`, cluster-wide: the work is done by each node's agent, here it is only measured. */
import { isReady } from "../kube/client.ts";
import { versionOf } from "../node/package.ts";
import type { Feature } from "./feature.ts";

export const network: Feature = {
  name: "network",
  converge: () => Promise.resolve(),
  measure: ({ identity, manifest, nodes, networkProblems }) => {
    const version = versionOf(manifest, "cni");
    if (!identity.settings.networkEnabled)
      return Promise.resolve({ enabled: false, message: "disabled", version });
    const without = nodes
      .filter((node) => !node.spec.podCIDR)
      .map((node) => `${node.metadata.name}: no range of pod addresses yet`);
    const problems = [
      ...networkProblems,
      ...without,
      ...(nodes.some(isReady) ? [] : ["no node is Ready yet"]),
    ];
    if (problems.length > 0)
      return Promise.resolve({ enabled: false, message: `not working yet: ${problems.join("; ")}`, version });
    return Promise.resolve({
      enabled: true,
      message: "enabled (network policies are not enforced)",
      version,
    });
  },
};
