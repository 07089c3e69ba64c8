/** inspect: everything that helps to find out what is wrong with a node, in one file without secrets. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { loadIdentity, pathsBelow, servicesOfRole, type Identity } from "@cantrip/k8sd";
import type { Command } from "commander";
import { print, progress, requireRoot, type Format } from "../context.ts";
import { failedTo, UserError } from "../errors.ts";
import { knownSecrets, redactor, type Redact } from "../inspect/redact.ts";
import { stepsFor, type Step } from "../inspect/steps.ts";
import { formatOption } from "../options.ts";

const paths = pathsBelow("");

interface Flags {
  allNamespaces: boolean;
  numSnapLogEntries: string;
  timeout: string;
  outputFormat: Format;
}

export function inspectCommand(program: Command): void {
  program
    .command("inspect")
    .argument("[file]", "the report (default: inspection-report-DATE.tar.gz here)")
    .description("gather logs and states of this node in one file, without keys, tokens and Secrets")
    .option("--all-namespaces", "pods and events of all namespaces, not of kube-system alone", false)
    .option("--log-lines, --num-snap-log-entries <number>", "lines of each service's log", "5000")
    .option("--timeout <seconds>", "bound of each single step", "20")
    .addOption(formatOption())
    .action(inspect);
}

async function inspect(file: string | undefined, flags: Flags): Promise<void> {
  requireRoot();
  const [logLines, timeoutS] = [
    wholeNumber("--log-lines", flags.numSnapLogEntries),
    wholeNumber("--timeout", flags.timeout),
  ];
  const target = resolve(file ?? defaultName());
  const scratch = await mkdtemp(join(tmpdir(), "k8s-inspect-"));
  const root = join(scratch, basename(target).replace(/[.]tar[.]gz$/, ""));
  try {
    const identity = await loadIdentity(paths.identity).catch(() => undefined);
    const k8s = [process.execPath, process.argv[1] ?? ""];
    const services = ["k8sd", ...servicesOfRole(identity?.role)];
    const { allNamespaces } = flags;
    const steps = stepsFor({ paths, identity, services, k8s, logLines, allNamespaces });
    const failures = await gather(root, steps, redactor(knownSecrets(paths)), timeoutS * 1000);
    await writeFile(join(root, markerOf(identity)), "");
    await writeFile(join(root, "failed-steps.log"), failures.map((line) => `${line}\n`).join(""));
    await pack(root, target);
    await print(flags.outputFormat, `Report tarball is at ${target}`, { file: target, failures });
  } catch (error) {
    throw error instanceof UserError ? error : failedTo("write the report", error);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const AT_A_TIME = 8;

const markerOf = (identity: Identity | undefined) =>
  identity ? `is-${identity.role}-node` : "is-not-bootstrapped-node";

const defaultName = () =>
  `inspection-report-${new Date()
    .toISOString()
    .replaceAll(/[-:]|[.]\d+Z$/g, "")
    .replace("T", "_")}.tar.gz`;

function wholeNumber(flag: string, text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UserError(`Cannot use ${flag} ${JSON.stringify(text)}: expected a whole number from 1`);
}

/** A few steps at a time, as some of them may wait for something that never answers; what fails is named and left out. */
async function gather(
  root: string,
  steps: readonly Step[],
  redact: Redact,
  timeoutMs: number,
): Promise<string[]> {
  const failures: string[] = [];
  const waiting = [...steps.entries()];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, step] = next;
      showStep(`${index + 1}/${steps.length} ${step.file}`);
      const { text, failure } = await outcomeOf(step, timeoutMs);
      if (failure) failures.push(`${step.file}: ${redact(failure)}`);
      await mkdir(dirname(join(root, step.file)), { recursive: true });
      await writeFile(join(root, step.file), redact(text), { mode: 0o600 });
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  showStep("");
  return failures;
}

function showStep(text: string) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  else if (/^\d*1\//.test(text)) progress(`inspect: ${text}`);
}

async function outcomeOf(
  { argv, source }: Step,
  timeoutMs: number,
): Promise<{ text: string; failure?: string }> {
  if (source !== undefined)
    return readFile(source, "utf8").then(
      (text) => ({ text }),
      (error: Error) => ({ text: "", failure: error.message }),
    );
  const [file = "", ...args] = argv ?? [];
  const { promise, resolve: done } = Promise.withResolvers<{ text: string; failure?: string }>();
  const options = { timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 64 * 1024 * 1024 } as const;
  execFile(file, args, options, (error, stdout, stderr) => {
    const text = `${stdout}${stderr}`;
    if (!error) return done({ text });
    const why = error.killed ? `no end within ${timeoutMs / 1000} s` : `exit code ${String(error.code)}`;
    return done({ text, failure: why });
  }).stdin?.end();
  return promise;
}

/** There whole or not at all, for root alone. */
async function pack(root: string, target: string): Promise<void> {
  const making = `${target}.${process.pid}.tmp`;
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  const argv = ["--create", "--gzip", "--file", making, "--directory", dirname(root), basename(root)];
  const before = process.umask(0o077);
  execFile("tar", argv, { timeout: 120_000 }, (error) => (error ? reject(error) : done()));
  try {
    await promise;
    await rename(making, target);
  } finally {
    process.umask(before);
    await rm(making, { force: true });
  }
}
