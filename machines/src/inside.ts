/** What is done inside a running machine: commands, copies, logs. */
import { createReadStream } from "node:fs";
import { mkdtemp, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { enter, joinFailure, parsePasswd, root, type Entry, type User } from "./enter.ts";
import { HostCommandFailed, MachineInvalid, MachineNotFound, MachineNotRunning } from "./errors.ts";
import { readText, resolveInLayers } from "./files.ts";
import { checkMachineName } from "./names.ts";
import type { ExecOptions, ExecResult } from "./port.ts";
import { statOf } from "./proc.ts";
import { pipe, run } from "./run.ts";
import { runningOf } from "./running.ts";
import type { MachineStore } from "./store.ts";

type Place = Pick<ExecOptions, "user" | "env" | "cwd">;

export class InsideMachines {
  readonly #store: MachineStore;

  constructor(store: MachineStore) {
    this.#store = store;
  }

  async exec(name: string, argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    const { user, env, cwd, ...rest } = options;
    const place = { ...(env ? { env } : {}), ...(cwd ? { cwd } : {}), ...(user ? { user } : {}) };
    const entry = await this.command(name, argv, place);
    const what = `${argv[0]} in machine "${name}" ends`;
    const result = await run(entry.argv, { ...rest, env: entry.env, cwd: "/", what });
    if (result.exitCode === 125 && result.stderr.includes(joinFailure))
      throw new MachineNotRunning(name, `run ${argv[0]}`);
    return result;
  }

  /** The host command and environment that run `argv` in the machine. */
  async command(name: string, argv: readonly string[], place: Place): Promise<Entry> {
    const leader = await this.#leader(name, `run ${argv[0]}`);
    const isRoot = place.user === undefined || place.user === "root";
    try {
      return await enter(
        leader,
        argv,
        place,
        isRoot ? root : await this.#user(name, leader, place.user ?? ""),
      );
    } catch (error) {
      if ((await statOf(leader)) === undefined) throw new MachineNotRunning(name, `run ${argv[0]}`);
      throw error;
    }
  }

  async #leader(name: string, attempted: string): Promise<number> {
    checkMachineName(name);
    if (!(await this.#store.record(name))) throw new MachineNotFound(name);
    const { leader } = await runningOf(this.#store, name);
    if (leader === undefined) throw new MachineNotRunning(name, attempted);
    return leader;
  }

  async #user(name: string, leader: number, user: string): Promise<User> {
    const { argv, env } = await enter(leader, ["getent", "passwd", user], {}, root);
    const { stdout } = await run(argv, {
      env,
      cwd: "/",
      timeoutMs: 10_000,
      what: `getent in machine "${name}" ends`,
    });
    const found = parsePasswd(stdout);
    if (!found)
      throw new MachineInvalid(
        `Cannot run a command as ${JSON.stringify(user)}: machine "${name}" has no such user`,
      );
    return found;
  }

  async copyIn(name: string, source: string, target: string): Promise<void> {
    const stats = await stat(source);
    if (stats.isDirectory()) {
      const unpack = await this.command(name, ["/bin/sh", "-c", receiveFolder, target], {});
      await pipe({ argv: ["tar", "--numeric-owner", "-C", source, "-cf", "-", "."] }, unpack);
      return;
    }
    const mode = (stats.mode & 0o7777).toString(8);
    const receive = ["/bin/sh", "-c", receiveFile, target, mode];
    const { exitCode, stderr } = await this.exec(name, receive, { stdin: createReadStream(source) });
    if (exitCode !== 0)
      throw new HostCommandFailed([`copy ${source} to ${target} in machine "${name}"`], exitCode, stderr);
  }

  /** What the machine sends is unpacked in a new folder, where tar lets nothing out, and renamed. */
  async copyOut(name: string, source: string, target: string): Promise<void> {
    const pack = ["tar", "--numeric-owner", "-C", dirname(source), "-cf", "-", "--", basename(source)];
    const sender = await this.command(name, pack, {});
    const temporary = await mkdtemp(`${target}.`);
    try {
      await pipe(sender, { argv: ["tar", "--no-same-owner", "-C", temporary, "-xf", "-"] });
      await rename(join(temporary, basename(source)), target);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** Also of a stopped machine, from its disk. */
  async logs(name: string, lines: number): Promise<{ console: string; journal: string }> {
    checkMachineName(name);
    const record = await this.#store.record(name);
    if (!record) throw new MachineNotFound(name);
    const log = (await readText(join(this.#store.dir(name), "console.log"))) ?? "";
    const options = ["--no-pager", "--quiet", `--lines=${lines}`];
    const { leader } = await runningOf(this.#store, name);
    const { stdout } =
      leader === undefined
        ? await run(
            ["journalctl", ...options, `--directory=${await this.#journalFolder(name, record.image)}`],
            { timeoutMs: 20_000 },
          )
        : await this.exec(name, ["journalctl", ...options], { timeoutMs: 20_000 });
    return { console: log.split("\n").slice(-lines).join("\n"), journal: stdout };
  }

  async #journalFolder(name: string, image: string): Promise<string> {
    const upper = join(this.#store.dir(name), "upper");
    return join(upper, await resolveInLayers({ upper, lower: image }, "/var/log/journal"));
  }
}

const receiveFolder = 'mkdir -p -- "$0" && exec tar -xpf - -C "$0"';

const receiveFile = `set -eu
mkdir -p -- "$(dirname -- "$0")"
new=$(mktemp -- "$0.XXXXXX")
cat >"$new"
chmod "$1" "$new"
mv -fT -- "$new" "$0"`;
