/** bootstrap, get-join-token, join-cluster, remove-node. */
import {
  bootstrapConfigSchema,
  controlPlaneJoinConfigSchema,
  nanoseconds,
  NODE_IN_USE,
  workerJoinConfigSchema,
  type BootstrapConfig,
  type ControlPlaneJoinConfig,
  type WorkerJoinConfig,
} from "@cantrip/metadata/k8sd";
import { decodeToken, K8sdError } from "@cantrip/k8sd";
import type { Command } from "commander";
import { nodeAddress, nodeName } from "../address.ts";
import {
  ask,
  client,
  parseDuration,
  parseTimeout,
  print,
  progress,
  requireRoot,
  type Format,
} from "../context.ts";
import { following } from "../follow.ts";
import { readConfig } from "../documents.ts";
import { ALREADY_PART_OF_A_CLUSTER, failedTo, UserError } from "../errors.ts";
import { askForConfig } from "../interactive.ts";
import { formatOption, timeoutOption } from "../options.ts";

/** Without a file: what makes a cluster useful at once, as far as it exists here. */
const DEFAULT_CONFIG: BootstrapConfig = {
  "cluster-config": { network: { enabled: true }, dns: { enabled: true } },
};
/** How much longer than its own bound a command waits for the daemon's answer. */
const GRACE_MS = 60_000;

type JoinConfig = ControlPlaneJoinConfig | WorkerJoinConfig;
interface Common {
  timeout: string;
  outputFormat: Format;
}
interface NodeFlags extends Common {
  interactive?: boolean;
  file?: string;
  name?: string;
  address?: string;
}

export function clusterCommands(program: Command): void {
  program
    .command("bootstrap")
    .description("make this machine the first control plane of a new cluster")
    .option("--interactive", "ask for the features and ranges of the cluster")
    .option("--file <file>", "bootstrap configuration, - for standard input")
    .option("--name <name>", "name of this node (default: the host name)")
    .option("--address <address>", "address of this node, or a range that it lies in")
    .addOption(timeoutOption("180s"))
    .addOption(formatOption())
    .action(bootstrap);
  program
    .command("get-join-token")
    .argument("[name]", "name of the node that will join")
    .description("print a token with which one node can join the cluster")
    .option("--worker", "for a worker node", false)
    .option("--expires-in <duration>", "how long the token may be used", "24h")
    .addOption(timeoutOption("90s"))
    .action(getJoinToken);
  program
    .command("join-cluster")
    .argument("<token>")
    .description("join this machine to a cluster")
    .option("--file <file>", "join configuration, - for standard input")
    .option("--name <name>", "name of this node (default: the host name)")
    .option("--address <address>", "address of this node, or a range that it lies in")
    .addOption(timeoutOption("180s"))
    .addOption(formatOption())
    .action(joinCluster);
  program
    .command("remove-node")
    .argument("<name>")
    .description("move the pods of a node away and remove it from the cluster")
    .option("--force", "remove it also if it does not answer or its pods do not go", false)
    .addOption(timeoutOption("120s"))
    .addOption(formatOption())
    .action(removeNode);
}

async function bootstrap(flags: NodeFlags): Promise<void> {
  requireRoot();
  const config = await bootstrapConfig(flags);
  const timeoutMs = parseTimeout(flags.timeout);
  const body = {
    name: nodeName(flags.name),
    address: nodeAddress(flags.address),
    config,
    timeout: nanoseconds(timeoutMs),
  };
  progress("Bootstrapping the cluster. This may take a few seconds, please wait.");
  const node = await refusingTwice("bootstrap the cluster", 400, () =>
    following(flags.outputFormat, () => client.call("bootstrap", body, { timeoutMs: timeoutMs + GRACE_MS })),
  );
  const text = `Bootstrapped a new Kubernetes cluster with node address "${node.address}".\nThe node will be 'Ready' to host workloads after the CNI is deployed successfully.\n`;
  await print(flags.outputFormat, text, { node });
}

function bootstrapConfig({ file, interactive }: NodeFlags): Promise<BootstrapConfig> | BootstrapConfig {
  if (interactive && file !== undefined)
    throw new UserError("--interactive and --file both say what the cluster is to be; use one of them");
  if (interactive) return askForConfig(process.stdin, process.stderr);
  return file === undefined ? DEFAULT_CONFIG : readConfig(file, bootstrapConfigSchema);
}

/** The daemon's word for "already in a cluster" becomes the command's. */
async function refusingTwice<T>(what: string, code: number, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const twice =
      error instanceof K8sdError &&
      error.code === code &&
      /already bootstrapped|is part of the cluster/.test(error.message);
    throw twice ? new UserError(ALREADY_PART_OF_A_CLUSTER) : failedTo(what, error);
  }
}

async function getJoinToken(
  name: string | undefined,
  flags: Common & { worker: boolean; expiresIn: string },
): Promise<void> {
  requireRoot();
  if (name === undefined)
    throw new UserError(
      flags.worker
        ? "A node name is required: tokens are bound to one name."
        : "A node name is required for control-plane nodes.",
    );
  const body = { name, worker: flags.worker, ttl: nanoseconds(parseDuration(flags.expiresIn)) };
  const { token } = await ask("get a join token", "createToken", body, parseTimeout(flags.timeout));
  process.stdout.write(`${token}\n`);
}

/** What a joining node may be told is a matter of its role, which its token names. */
async function readJoinConfig(file: string, token: string): Promise<JoinConfig> {
  try {
    const isWorker = decodeToken(token).role === "worker";
    return await readConfig(file, isWorker ? workerJoinConfigSchema : controlPlaneJoinConfigSchema);
  } catch (error) {
    throw error instanceof UserError ? error : failedTo("join the cluster", error);
  }
}

async function joinCluster(token: string, flags: NodeFlags): Promise<void> {
  requireRoot();
  const config = flags.file === undefined ? {} : await readJoinConfig(flags.file, token);
  const timeoutMs = parseTimeout(flags.timeout);
  const name = nodeName(flags.name);
  const body = {
    name,
    address: nodeAddress(flags.address),
    token,
    config: JSON.stringify(config),
    timeout: nanoseconds(timeoutMs),
  };
  progress("Joining the cluster. This may take a few seconds, please wait.");
  await refusingTwice("join the cluster", NODE_IN_USE, () =>
    following(flags.outputFormat, () => client.call("join", body, { timeoutMs: timeoutMs + GRACE_MS })),
  );
  await print(
    flags.outputFormat,
    `Cluster services have started on "${name}".\nPlease allow some time for initial Kubernetes node registration.\n`,
    { name },
  );
}

async function removeNode(name: string, flags: Common & { force: boolean }): Promise<void> {
  requireRoot();
  const timeoutMs = parseTimeout(flags.timeout);
  const body = { name, force: flags.force, timeout: nanoseconds(timeoutMs) };
  await ask(`remove node ${JSON.stringify(name)}`, "remove", body, timeoutMs + GRACE_MS);
  await print(flags.outputFormat, `Removed ${name} from cluster.`, { name });
}
