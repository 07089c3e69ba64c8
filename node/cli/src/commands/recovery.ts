/** snapshot save and restore, recover: what there is for the worst days. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { openClusterSnapshot, pathsBelow, saveClusterSnapshot } from "@cantrip/k8sd";
import { nanoseconds, type RecoveryPlanResponse } from "@cantrip/metadata/k8sd";
import type { Command } from "commander";
import { nodeAddress, nodeName } from "../address.ts";
import { ask, client, parseTimeout, print, progress, requireRoot, type Format } from "../context.ts";
import { failedTo, UserError } from "../errors.ts";
import { following } from "../follow.ts";
import { formatOption, timeoutOption } from "../options.ts";
import { readPassphrase } from "../passphrase.ts";

const paths = pathsBelow("");
/** How much longer than its own bound a command waits for the daemon's answer. */
const GRACE_MS = 60_000;

interface Flags {
  timeout: string;
  outputFormat: Format;
}
interface SnapshotFlags extends Flags {
  passphraseFile?: string;
  force: boolean;
  name?: string;
  address?: string;
}

export function recoveryCommands(program: Command): void {
  const snapshot = program
    .command("snapshot")
    .description("save the whole cluster in one encrypted file, and begin anew with it");
  const passphrase = ["--passphrase-file <file>", "file with the passphrase, - for standard input"] as const;
  snapshot
    .command("save")
    .argument("<file>")
    .description("save data, authorities and keys of the cluster, encrypted under a passphrase")
    .option(...passphrase)
    .option("--force", "replace the file if it is there", false)
    .addOption(formatOption())
    .action(save);
  snapshot
    .command("restore")
    .argument("<file>")
    .description("make this machine, which is part of no cluster, the one control plane of the saved one")
    .option(...passphrase)
    .option("--name <name>", "name of this node (default: the host name)")
    .option("--address <address>", "address of this node, or a range that it lies in")
    .addOption(timeoutOption("300s"))
    .addOption(formatOption())
    .action(restore);
  program
    .command("recover")
    .description("make this control plane go on alone, when the majority of them is lost for good")
    .option("--yes", "do not ask", false)
    .addOption(timeoutOption("300s"))
    .addOption(formatOption())
    .action(recover);
}

async function save(file: string, flags: SnapshotFlags): Promise<void> {
  requireRoot();
  const target = resolve(file);
  if (existsSync(target) && !flags.force)
    throw new UserError(`Cannot write ${target}: it is there already; use --force to replace it`);
  const passphrase = await readPassphrase(flags.passphraseFile, { isNew: true });
  progress("Saving the cluster. This may take a few seconds, please wait.");
  const facts = await saveClusterSnapshot(paths, target, passphrase).catch((error: unknown) => {
    throw failedTo("save a snapshot", error);
  });
  const { revision, bytes, digest } = facts;
  await print(
    flags.outputFormat,
    `Saved revision ${revision} (${bytes} bytes of data) in ${target}.\nSHA-256: ${digest}\nIt holds the cluster's authorities: keep its passphrase apart from it.`,
    { file: target, ...facts },
  );
}

async function restore(file: string, flags: SnapshotFlags): Promise<void> {
  requireRoot();
  const status = await client
    .call("getNodeStatus")
    .catch((error: unknown) => error as { isNotInitialized?: boolean });
  if (!("isNotInitialized" in status) || !status.isNotInitialized)
    throw new UserError(
      "Cannot restore here: this machine is, or may be, part of a cluster; expected a bare one",
    );
  const passphrase = await readPassphrase(flags.passphraseFile, { isNew: false });
  const document = await openClusterSnapshot(paths, resolve(file), passphrase).catch((error: unknown) => {
    throw failedTo("open the snapshot", error);
  });
  const timeoutMs = parseTimeout(flags.timeout);
  const body = {
    name: nodeName(flags.name),
    address: nodeAddress(flags.address),
    timeout: nanoseconds(timeoutMs),
  };
  progress(
    `Restoring revision ${document.revision} of ${document.createdAt}. This may take a minute, please wait.`,
  );
  try {
    await following(flags.outputFormat, () =>
      client.call("restore", body, { timeoutMs: timeoutMs + GRACE_MS }),
    );
  } catch (error) {
    throw failedTo("restore the cluster", error);
  }
  await print(
    flags.outputFormat,
    `${body.name} is the one control plane of the restored cluster.\nOther control planes join anew; workers that do not come back by themselves are removed (k8s remove-node NAME --force) and join anew.`,
    { name: body.name, "cluster-id": document.clusterId, revision: document.revision },
  );
}

async function recover({ yes, timeout, outputFormat }: Flags & { yes: boolean }): Promise<void> {
  requireRoot();
  const timeoutMs = parseTimeout(timeout);
  const plan = await ask("plan the recovery", "planRecovery", undefined, 90_000);
  if (plan.refusals.length > 0) throw new UserError(`Cannot recover here: ${plan.refusals.join("; ")}`);
  if (plan.resumes) progress("A recovery of this node failed halfway: going on with it.");
  else if (!yes) await confirm(plan);
  progress("Recovering. This may take a minute, please wait.");
  const body = { timeout: nanoseconds(timeoutMs) };
  const result = await following(outputFormat, () => ask("recover", "recover", body, timeoutMs + GRACE_MS));
  await print(
    outputFormat,
    `This node goes on alone. Kept: revision ${result.revision}. Discarded: ${result.discarded} entries that were not known to be committed.\nThe data as it was: ${result.backup}\nThe lost control planes stop when they return; let them join anew.`,
    result,
  );
}

/** Names what will be left behind, and wants it typed. */
async function confirm({ own, others }: RecoveryPlanResponse): Promise<void> {
  const lines = others.map(({ name, address, state }) =>
    state
      ? `  ${name} (${address}): answers, is at term ${state.term}, entry ${state.index}`
      : `  ${name} (${address}): does not answer; what it alone may know is lost`,
  );
  progress(
    `This node (term ${own?.term}, entry ${own?.index}) will go on without these control planes:\n${lines.join("\n")}\nIf they still form a cluster somewhere, stop them first.`,
  );
  if (!process.stdin.isTTY) throw new UserError("Nobody can be asked here: use --yes if all this is meant");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Type "recover" to go on: ');
  terminal.close();
  if (answer.trim() !== "recover") throw new UserError("Nothing was changed.");
}
