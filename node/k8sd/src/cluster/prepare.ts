/** Writes what the services of a node read: arguments, containerd's configuration, CNI plugins, extra files. */
import { join } from "node:path";
import type { BootstrapConfig, WorkerJoinConfig } from "@cantrip/metadata/k8sd";
import { writeAtomically } from "../base/files.ts";
import type { Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { renderArguments, type ArgumentChanges } from "../node/arguments.ts";
import { prepareAudit } from "../node/audit.ts";
import { claimMachine } from "../node/claim.ts";
import type { Defaults } from "../node/components.ts";
import { configureContainerd, linkCniPlugins } from "../node/containerd.ts";
import { writeKubeconfigs } from "../node/kubeconfigs.ts";
import { tune } from "../node/tuning.ts";
import { disable, enable, servicesOf, wantedServices, type Service } from "../node/services.ts";

type NodeConfig = BootstrapConfig & WorkerJoinConfig;

export const changesFor = (config: NodeConfig, service: Service): ArgumentChanges =>
  (config as Record<string, ArgumentChanges | undefined>)[`extra-node-${service}-args`] ?? {};

/** Claims the machine, then writes what containerd reads; the rest of a node can be written while it starts. */
export async function prepareContainerd(paths: Paths, config: NodeConfig, defaults: Defaults): Promise<void> {
  await claimMachine(paths);
  const { containerd = {} } = defaults;
  await Promise.all([
    writeArguments(paths, config, { containerd }),
    configureContainerd(paths, config["extra-node-containerd-config"]),
    linkCniPlugins(paths),
  ]);
}

export async function prepareNode(
  paths: Paths,
  identity: Identity,
  config: NodeConfig,
  { containerd: _containerd, ...defaults }: Defaults,
): Promise<void> {
  const wanted = wantedServices(identity);
  await Promise.all([
    writeArguments(paths, config, defaults),
    writeExtraFiles(paths, config["extra-node-config-files"] ?? {}),
    writeKubeconfigs(paths, identity),
    ...(identity.role === "control-plane" ? [prepareAudit(paths)] : []),
    ...(config["disable-system-tuning"] ? [] : [tune(paths)]),
    enable(paths, ...wanted),
    disable(paths, ...servicesOf(identity.role).filter((service) => !wanted.includes(service))),
  ]);
}

async function writeArguments(paths: Paths, config: NodeConfig, defaults: Defaults): Promise<void> {
  for (const [service, values] of Object.entries(defaults) as [Service, Record<string, string>][]) {
    await writeAtomically(join(paths.args, service), renderArguments(values, changesFor(config, service)));
  }
}

async function writeExtraFiles(paths: Paths, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files))
    await writeAtomically(join(paths.configurations, name), content, 0o400);
}
