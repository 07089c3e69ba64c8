/**
 * The controller as a service of this host: a systemd unit where systemd is PID 1, so that it returns after a reboot, and a
 * process of its own session elsewhere, which the next `up` starts again.
 */
import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

export interface Daemon {
  /** `cantrip`: names the unit */
  readonly instance: string;
  readonly argv: readonly string[];
  readonly logFile: string;
}

const hasSystemd = (): boolean => existsSync("/run/systemd/system");
const unitName = ({ instance }: Daemon): string => `${instance}-controller.service`;
const unitFile = (daemon: Daemon): string => `/etc/systemd/system/${unitName(daemon)}`;

/**
 * The process, if it runs: the one whose command line has our program and our state folder. It is looked for, not
 * remembered: an `up` that is killed right after it started the controller leaves it to be found all the same.
 */
export function runningPid({ argv }: Pick<Daemon, "argv">): number | undefined {
  const [, program = "", ...flags] = argv;
  const state = flags[flags.indexOf("--state") + 1] ?? "";
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .find((pid) => runs(pid, basename(program), state));
}

function runs(pid: number, program: string, state: string): boolean {
  try {
    const [, file = "", ...flags] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const isOurs = basename(file) === program && flags[flags.indexOf("--state") + 1] === state;
    return isOurs && flags.includes("--machines-config") && !isZombie(pid);
  } catch {
    return false;
  }
}

/** Starts it if it does not run. Returns whether it had to. */
export async function start(daemon: Daemon): Promise<boolean> {
  if (hasSystemd()) return await startUnit(daemon);
  if (runningPid(daemon) !== undefined) return false;
  await mkdir(dirname(daemon.logFile), { recursive: true });
  const [command = "", ...rest] = daemon.argv;
  const log = openSync(daemon.logFile, "a", 0o600);
  const child = spawn(command, rest, { detached: true, stdio: ["ignore", log, log], cwd: "/" });
  child.unref();
  if (child.pid === undefined) throw new Error(`Cannot start the controller: ${command} does not run`);
  return true;
}

async function startUnit(daemon: Daemon): Promise<boolean> {
  const text = `[Unit]
Description=Cantrip controller (${daemon.instance})
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=${daemon.argv.map(quoted).join(" ")}
Restart=always
RestartSec=1
# Machines are not its children's business to end: they outlive it.
KillMode=process
Delegate=yes

[Install]
WantedBy=multi-user.target
`;
  const systemctl = (...argv: string[]) => execa("systemctl", argv, { reject: false, timeout: 60_000 });
  const before = existsSync(unitFile(daemon)) ? readFileSync(unitFile(daemon), "utf8") : "";
  const active = (await systemctl("is-active", "--quiet", unitName(daemon))).exitCode === 0;
  if (before === text && active) return false;
  await writeFile(unitFile(daemon), text, { mode: 0o644 });
  await systemctl("daemon-reload");
  await systemctl("enable", unitName(daemon));
  // Also where it runs already: by another command line than the one that stands now.
  const started = await systemctl("restart", unitName(daemon));
  if (started.exitCode !== 0)
    throw new Error(
      `Cannot start ${unitName(daemon)}: ${started.stderr.trim()}; see "journalctl -u ${unitName(daemon)}"`,
    );
  return true;
}

/** A word of ExecStart: systemd splits at spaces and expands % and $. */
const quoted = (word: string): string =>
  `"${word.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%").replaceAll("$", "$$$$")}"`;

/** Ends it and removes its unit. Does nothing if there is none. */
export async function stop(daemon: Daemon, timeoutMs = 20_000): Promise<void> {
  if (existsSync(unitFile(daemon))) {
    await execa("systemctl", ["disable", "--now", unitName(daemon)], { reject: false, timeout: timeoutMs });
    await rm(unitFile(daemon), { force: true });
    await execa("systemctl", ["daemon-reload"], { reject: false, timeout: timeoutMs });
  }
  const pid = runningPid(daemon);
  if (pid !== undefined) {
    process.kill(pid, "SIGTERM");
    const end = Date.now() + timeoutMs;
    while (runningPid(daemon) !== undefined && Date.now() < end) await sleep(50);
    if (runningPid(daemon) !== undefined) process.kill(pid, "SIGKILL");
  }
}

/** A killed child that nobody has waited for yet still has a place in /proc, but no program. */
function isZombie(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return false;
  } catch {
    return true;
  }
}
