/** completion, images and waits; and the commands of the reference that do not exist here: named, and refused. */
import { setTimeout as sleep } from "node:timers/promises";
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { completionScript, SHELLS, type Shell } from "../completion.ts";
import { ask, parseTimeout, requireRoot } from "../context.ts";
import { failedTo, UserError } from "../errors.ts";
import { timeoutOption } from "../options.ts";

const NOT_HERE: Readonly<Record<string, string>> = {
  helm: "features are no charts here: see k8s enable and k8s set",
  "generate-docs": "k8s --help and k8s COMMAND --help say the same",
  "x-print-shim-pids": "not implemented yet in this version of the node package",
  "x-snapd-config": "this node is no snap: see k8s get and k8s set",
  "x-capi": "not implemented yet in this version of the node package",
  "x-cleanup": "a node that leaves cleans up after itself: see k8s remove-node",
};

export function restCommands(program: Command): void {
  for (const [name, instead] of Object.entries(NOT_HERE))
    program
      .command(name, { hidden: true })
      .description("not available here")
      .helpOption(false)
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new UserError(`${name} is not available: ${instead}`);
      });
  program
    .command("list-images", { hidden: true })
    .description("print the images of the node package")
    .action(listImages);
  program
    .command("x-wait-for", { hidden: true })
    .argument("<feature>", "dns or network")
    .addOption(timeoutOption("5m"))
    .action(waitFor);
  program
    .command("completion")
    .argument("<shell>", SHELLS.join(", "))
    .description("print a completion script for a shell")
    .action((shell: string) => {
      if (!(SHELLS as readonly string[]).includes(shell))
        throw new UserError(
          `Cannot complete for ${JSON.stringify(shell)}, must be one of: ${SHELLS.join(", ")}`,
        );
      process.stdout.write(completionScript(shell as Shell, program));
    });
}

function listImages(): void {
  const root = dirname(dirname(realpathSync(process.argv[1] ?? "")));
  const { images } = JSON.parse(readFileSync(join(root, "manifest.json"), "utf8")) as {
    images: { ref: string }[];
  };
  process.stdout.write(images.map(({ ref }) => `${ref}\n`).join(""));
}

async function waitFor(feature: string, { timeout }: { timeout: string }): Promise<void> {
  requireRoot();
  if (feature !== "dns" && feature !== "network")
    throw new UserError(`Cannot wait for ${JSON.stringify(feature)}, must be one of: dns, network`);
  const deadline = performance.now() + parseTimeout(timeout);
  for (;;) {
    const { status } = await ask("get the status", "getClusterStatus");
    if (status[feature].enabled) return;
    if (performance.now() > deadline) throw failedTo(`wait for ${feature}`, status[feature].message);
    await sleep(1_000);
  }
}
