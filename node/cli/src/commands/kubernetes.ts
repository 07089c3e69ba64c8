/** kubectl, config, version. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathsBelow } from "@cantrip/k8sd";
import type { Command } from "commander";
import { ask, print, requireRoot, type Format } from "../context.ts";
import { NOT_PART_OF_A_CLUSTER, UserError } from "../errors.ts";
import { formatOption } from "../options.ts";

const paths = pathsBelow("");
const packageRoot = () => dirname(dirname(realpathSync(process.argv[1] ?? "")));

export function kubernetesCommands(program: Command): void {
  program
    .command("kubectl")
    .description("run the cluster's kubectl with this node's credential")
    .helpOption(false)
    .allowUnknownOption()
    .argument("[args...]")
    .passThroughOptions()
    .action((args: string[]) => kubectl(args));
  program
    .command("config")
    .description("print a kubeconfig of an administrator")
    .option("--server <url>", "address of the API server to write into it", "")
    .action(async ({ server }: { server: string }) => {
      requireRoot();
      process.stdout.write((await ask("get the kubeconfig", "getKubeconfig", { server })).kubeconfig);
    });
  program
    .command("version")
    .description("print the versions of the node package")
    .addOption(formatOption())
    .action(version);
}

function kubectl(args: readonly string[]): void {
  requireRoot();
  const file = ["admin.conf", "kubelet.conf"]
    .map((name) => join(paths.kubernetes, name))
    .find((path) => existsSync(path));
  if (!file) throw new UserError(NOT_PART_OF_A_CLUSTER);
  const env = { EDITOR: "nano", ...process.env, KUBECONFIG: file };
  const { status, signal, error } = spawnSync(join(packageRoot(), "bin/kubectl"), args, {
    stdio: "inherit",
    env,
  });
  if (error) throw new UserError(`Cannot run kubectl: ${error.message}`);
  process.exitCode = signal ? 1 : (status ?? 1);
}

interface Manifest {
  version: string;
  components: Record<string, { version: string }>;
}

async function version({ outputFormat }: { outputFormat: Format }): Promise<void> {
  const manifest = JSON.parse(readFileSync(join(packageRoot(), "manifest.json"), "utf8")) as Manifest;
  const components = Object.entries(manifest.components).map(
    ([name, { version }]) => `  ${name.padEnd(12)}${version}`,
  );
  await print(outputFormat, [`k8s-node ${manifest.version}`, ...components].join("\n"), {
    version: manifest.version,
    components: manifest.components,
  });
}
