/** What a feature of the cluster is to the rest of the daemon. A new one is an implementation and one registration. */
import type { FeatureName, FeatureStatus, UserFacingClusterConfig } from "@cantrip/metadata/k8sd";
import type { Identity } from "../base/identity.ts";
import type { KubeClient, NodeObject } from "../kube/client.ts";
import type { PackageManifest } from "../node/package.ts";

export interface FeatureContext {
  readonly kube: KubeClient;
  readonly identity: Identity;
  readonly config: UserFacingClusterConfig;
  readonly manifest: PackageManifest;
  readonly nodes: readonly NodeObject[];
  /** What keeps the pod network from working, node by node. */
  readonly networkProblems: readonly string[];
}

export interface Feature {
  readonly name: FeatureName;
  /** Makes the cluster be as the configuration says. Repeatable. */
  converge(context: FeatureContext): Promise<void>;
  /** What is true now: asked of the cluster, never remembered. */
  measure(context: FeatureContext): Promise<FeatureStatus>;
}

/** A feature of the reference that does not exist here yet: asked for, it says so (decision 16). */
export const unavailable = (name: FeatureName): Feature => ({
  name,
  converge: () => Promise.resolve(),
  measure: ({ config }) => {
    const asked = config[name as "gateway"]?.enabled === true;
    const message = asked
      ? "not available in this version: enabled in the configuration, but nothing is deployed"
      : "disabled";
    return Promise.resolve({ enabled: false, message, version: "" });
  },
});
