/** Every feature of the API, once. */
import { FEATURES, type FeatureName } from "@cantrip/metadata/k8sd";
import { dns } from "./dns.ts";
import { unavailable, type Feature } from "./feature.ts";
import { network } from "./network.ts";

const registry = new Map<FeatureName, Feature>();

function register(feature: Feature) {
  if (registry.has(feature.name)) throw new Error(`Cannot register feature ${feature.name} twice`);
  registry.set(feature.name, feature);
}

register(network);
register(dns);
for (const name of FEATURES) if (!registry.has(name)) register(unavailable(name));

export const allFeatures = (): readonly Feature[] => [...registry.values()];

export function featureNamed(name: FeatureName): Feature {
  const feature = registry.get(name);
  if (!feature) throw new Error(`Cannot find feature ${name}: it is not registered`);
  return feature;
}
