/** Makes a running node be as the cluster's settings say now: arguments, services, certificates. Repeatable. */
import type { ClusterSettings, Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { changeArguments, readArguments, type ArgumentChanges, type Arguments } from "../node/arguments.ts";
import { controlPlaneDefaults, workerDefaults } from "../node/components.ts";
import { disable, enable, restart, start, stop, wantedServices, type Service } from "../node/services.ts";
import { removeProxyRules } from "./shared.ts";

/**
 * Services whose arguments follow from the settings start anew; what an operator set otherwise stays so. `from` is all that
 * the node may follow now: more than one if an earlier change was only half taken.
 */
export async function adoptSettings(
  paths: Paths,
  node: Identity,
  from: readonly ClusterSettings[],
  to: ClusterSettings,
): Promise<void> {
  const had = new Set(from.flatMap((settings) => wantedServices({ ...node, settings })));
  const has = wantedServices({ ...node, settings: to });
  const changed: Service[] = [];
  for (const service of has) {
    const defaults = (settings: ClusterSettings) => defaultsOf(paths, { ...node, settings }, service);
    const changes = await changesOf(paths, service, from.map(defaults), defaults(to));
    if (changes === undefined) continue;
    await changeArguments(paths.args, service, changes);
    if (had.has(service)) changed.push(service);
  }
  // Also if the file was right already: a daemon that was killed here did not get to the restart.
  if (changed.length > 0) {
    log.info(`settings: starting ${changed.join(", ")} anew`);
    await restart(...changed);
  }
  const isNew = (service: Service) =>
    from.some((settings) => !wantedServices({ ...node, settings }).includes(service));
  await begin(paths, has.filter(isNew));
  await end(
    paths,
    [...had].filter((service) => !has.includes(service)),
  );
}

const defaultsOf = (paths: Paths, identity: Identity, service: Service): Arguments => {
  const defaults =
    identity.role === "worker" ? workerDefaults(paths, identity) : controlPlaneDefaults(paths, identity);
  return defaults[service] ?? {};
};

/** undefined if nothing about the service follows from what has changed. */
async function changesOf(
  paths: Paths,
  service: Service,
  from: readonly Arguments[],
  to: Arguments,
): Promise<ArgumentChanges | undefined> {
  const flags = [...new Set([...from, to].flatMap((defaults) => Object.keys(defaults)))];
  const differing = flags.filter((flag) => from.some((defaults) => defaults[flag] !== to[flag]));
  if (differing.length === 0) return undefined;
  const present = await readArguments(paths.args, service);
  const ours = differing.filter((flag) => from.some((defaults) => defaults[flag] === present[flag]));
  return Object.fromEntries(ours.map((flag) => [flag, to[flag] ?? null]));
}

async function begin(paths: Paths, services: readonly Service[]) {
  if (services.length === 0) return;
  log.info(`settings: starting ${services.join(", ")}`);
  await enable(paths, ...services);
  await start(...services);
}

async function end(paths: Paths, services: readonly Service[]) {
  if (services.length === 0) return;
  log.info(`settings: stopping ${services.join(", ")}`);
  await disable(paths, ...services);
  await stop(...services);
  if (!services.includes("kube-proxy")) return;
  // They would go on sending services to where their pods were.
  await removeProxyRules();
}
