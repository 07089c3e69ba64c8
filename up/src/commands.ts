/** `up`, `down` and `image` as commands: their options, and what they print. */
import type { Io } from "@cantrip/controller/command";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { UpReport } from "./up.ts";

const group = "This host:";

export function addUpCommands(program: Command, io: Io): void {
  program
    .command("up")
    .helpGroup(group)
    .summary("Make a Kubernetes cluster on this host, or resume it")
    .description(
      "Makes a Kubernetes cluster of real machines on this host: components, machine image, controller, charms. Run again it\nresumes, or says that all is well. Needs root: run it with sudo; the client files and the kubeconfig become yours.",
    )
    .option("--workers <n>", "how many workers (default: 1, or as many as there are)", count)
    .option("--model <name>", "name of the model (default: k8s)", modelName)
    .option("--offline", "cut the machines off from the outside")
    .option("--no-offline", "give them a way out again")
    .option("--prepare", "fill the caches (components, image, charms) and stop")
    .addOption(format())
    .action(
      async (options: {
        workers?: number;
        model?: string;
        offline?: boolean;
        prepare?: boolean;
        format: "human" | "json";
      }) => {
        const { up } = await import("./up.ts");
        const { workers, model, offline, prepare } = options;
        const report = await up({
          ...(workers === undefined ? {} : { workers }),
          ...(model === undefined ? {} : { model }),
          ...(offline === undefined ? {} : { offline }),
          prepareOnly: prepare ?? false,
          signal: io.interrupted,
        });
        if (!report) return;
        io.out(options.format === "json" ? `${JSON.stringify(report)}\n` : summary(report));
      },
    );

  program
    .command("down")
    .helpGroup(group)
    .summary("Take the cluster and all its traces off this host")
    .option("--purge", "remove the caches too: the next up builds everything again")
    .action(async ({ purge = false }: { purge?: boolean }) => {
      const { down } = await import("./down.ts");
      const found = await down({ purge });
      io.err(
        found
          ? `Everything of cantrip is gone from this host${purge ? "" : " but its caches"}.\n`
          : "There is nothing to take down.\n",
      );
    });

  const image = program.command("image").helpGroup(group).summary("Images for the nodes, without a registry");
  image
    .command("load <file>")
    .description("Puts an image archive (docker save, or an OCI layout tar) into every node. Needs root.")
    .action(async (file: string) => {
      const { loadImageIntoNodes } = await import("./image.ts");
      io.err(`Loaded ${file} into ${await loadImageIntoNodes(file)} nodes.\n`);
    });

  program
    .command("kubectl")
    .helpGroup(group)
    .summary("The pinned kubectl, with the cluster's kubeconfig")
    .allowUnknownOption()
    .argument("[arguments...]");
}

const format = (): Option =>
  new Option("--format <format>", "how to print the summary").choices(["human", "json"]).default("human");

function count(text: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" is no number of workers: expected 0 to 99.`);
}

function modelName(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,30}$/.test(text)) return text;
  throw new InvalidArgumentError(
    `"${text}" is no model name: expected lower-case letters, digits and hyphens.`,
  );
}

/** Pure: what a person reads at the end. */
export function summary(
  { changed, version, kubeconfig, machines, totalMs }: UpReport,
  command = process.env["CANTRIP_COMMAND"] || "cantrip",
): string {
  const head = changed
    ? `The cluster is up: Kubernetes ${version.split("+")[0]}, ${machines.length} nodes, in ${(totalMs / 1000).toFixed(0)} s.`
    : `All is well: Kubernetes ${version.split("+")[0]}, ${machines.length} nodes; nothing had to be done.`;
  return `
${head}

  kubeconfig   ${kubeconfig}

Try next:
  ${command} status
  ${command} kubectl get nodes -o wide
  ${command} add-unit k8s-worker
`;
}
