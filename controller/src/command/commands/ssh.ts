/** `ssh` and `scp`: the system's own, as user ubuntu, with the key that the machines accept. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { FullStatus } from "../../facades/status/wire.ts";
import type { Run } from "../catalogue.ts";
import { first, type Context, type ModelConnection } from "../context.ts";
import { CommandError, Silent, UsageError } from "../errors.ts";

export const ssh: Run = async (context, [target = "", ...words]) => {
  refuseContainer(context);
  const { user, host } = await resolveTarget(await context.model(), target);
  const [options, command] = split(words);
  const pty = ptyOptions(context.options["pty"], command);
  await runSystem(
    "ssh",
    [...commonOptions(context), ...pty, ...options, `${user}@${host}`, ...command],
    context,
  );
};

/** Paths of machines are `UNIT:PATH`; what stands before them goes to scp. */
export const scp: Run = async (context, words) => {
  refuseContainer(context);
  const given = words.filter((word) => word !== "--");
  if (given.length < 2) throw new UsageError("at least two arguments required");
  const model = await context.model();
  const args: string[] = [];
  for (const word of given) args.push(await resolvePath(model, word));
  await runSystem("scp", [...commonOptions(context), ...args], context);
};

const remotePath =
  /^(?<target>(?:[^/:@]+@)?(?:[a-z][a-z0-9-]*\/(?:\d+|leader)|\d+(?:\/[a-z]+\/\d+)*)):(?<path>.*)$/;

async function resolvePath(model: ModelConnection, word: string): Promise<string> {
  const { target, path = "" } = remotePath.exec(word)?.groups ?? {};
  if (target === undefined) return word;
  const { user, host } = await resolveTarget(model, target);
  return `${user}@${host.includes(":") ? `[${host}]` : host}:${path}`;
}

function refuseContainer({ options }: Context): void {
  if (options["container"] !== undefined)
    throw new UsageError("--container is for Kubernetes models, and there are none");
}

/** A machine, a unit or `APPLICATION/leader`, with the user before an @. */
async function resolveTarget(
  { api }: ModelConnection,
  target: string,
): Promise<{ user: string; host: string }> {
  const at = target.lastIndexOf("@");
  const user = at > 0 ? target.slice(0, at) : "ubuntu";
  const name = target.slice(at + 1);
  const entity = name.endsWith("/leader") ? await leaderOf(api, name) : name;
  const tag = /^\d+(?:\/[a-z]+\/\d+)*$/.test(entity)
    ? `machine-${entity.replaceAll("/", "-")}`
    : unitTag(entity);
  const { address } = first(
    await api.call<{ results: { address: string }[] }>("SSHClient", "PublicAddress", { entities: [{ tag }] }),
  );
  return { user, host: address };
}

function unitTag(name: string): string {
  if (/^[a-z][a-z0-9-]*\/\d+$/.test(name)) return `unit-${name.replace("/", "-")}`;
  throw new UsageError(
    `invalid target "${name}": expected a machine id, APPLICATION/NUMBER or APPLICATION/leader`,
  );
}

async function leaderOf(api: ModelConnection["api"], name: string): Promise<string> {
  const application = name.slice(0, -"/leader".length);
  const { applications } = await api.call<FullStatus>("Client", "FullStatus", { patterns: [application] });
  const units = Object.entries(applications[application]?.units ?? {});
  const leader = units.find(([, { leader: isLeader }]) => isLeader);
  if (leader) return leader[0];
  throw new CommandError(`could not determine leader for "${application}"`);
}

/** Machines come and go under the same addresses: their keys are not kept. */
function commonOptions({ files }: Context): string[] {
  const key = join(files.directory, "ssh", "juju_id_rsa");
  const settings = [
    "StrictHostKeyChecking no",
    "UserKnownHostsFile /dev/null",
    "LogLevel ERROR",
    "PasswordAuthentication no",
    "ServerAliveInterval 30",
  ];
  return [...settings.flatMap((setting) => ["-o", setting]), ...(existsSync(key) ? ["-i", key] : [])];
}

/** Leading options after the target are ssh's. */
function split(words: string[]): [options: string[], command: string[]] {
  if (words[0] === "--") return [[], words.slice(1)];
  let count = 0;
  while (words[count]?.startsWith("-") === true)
    count += /^-[bcDEeFIiJLlmOopQRSWw]$/.test(words[count] ?? "") ? 2 : 1;
  return [words.slice(0, count), words.slice(count)];
}

function ptyOptions(pty: unknown, command: string[]): string[] {
  if (pty === "true") return ["-t", "-t"];
  if (pty === "false") return ["-T"];
  return command.length === 0 && process.stdin.isTTY ? ["-t"] : [];
}

/** @throws Silent with the program's own exit code */
async function runSystem(program: string, args: string[], { io }: Context): Promise<void> {
  const child = spawn(program, args, { stdio: "inherit", env: { ...io.env } });
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === "ENOENT"
          ? `${program} is not installed: install the package openssh-client`
          : cause.message;
      reject(new CommandError(`cannot run ${program}: ${why}`, { cause }));
    });
    child.on("exit", (exitCode, signal) => resolve(exitCode ?? (signal ? 130 : 1)));
  });
  if (code !== 0) throw new Silent(code);
}
