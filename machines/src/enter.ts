/** Running a command inside a machine: its control groups first, then its namespaces, then its user and its bounds on capabilities. */
import { readFile } from "node:fs/promises";
import { cgroupMounts, joinFiles } from "./cgroups.ts";
import { MachineInvalid } from "./errors.ts";
import type { ExecOptions } from "./port.ts";

/** What the joining shell says before a failure of its own, so that it is not taken for the command's. */
export const joinFailure = "cantrip-exec: cannot join the machine";

const joinScript = `files=$1; shift
for file in $files; do echo $$ >"$file" || { echo "${joinFailure}" >&2; exit 125; }; done
exec "$@"`;

export interface User {
  name: string;
  uid: number;
  gid: number;
  home: string;
  shell: string;
}

export const root: User = { name: "root", uid: 0, gid: 0, home: "/root", shell: "/bin/bash" };

/** From one line of passwd(5). */
export function parsePasswd(line: string): User | undefined {
  const [name = "", , uid = "", gid = "", , home = "", shell = ""] = line.trim().split(":");
  return name && /^\d+$/.test(uid) && /^\d+$/.test(gid)
    ? { name, uid: Number(uid), gid: Number(gid), home, shell }
    : undefined;
}

export interface Entry {
  argv: string[];
  env: Record<string, string>;
}

/** The host command that runs `argv` in the machine of this PID 1. Secrets stay in the environment: arguments are public on a host. */
export async function enter(
  leader: number,
  argv: readonly string[],
  { env, cwd }: Pick<ExecOptions, "env" | "cwd">,
  user: User,
): Promise<Entry> {
  if (argv.length === 0 || argv[0] === "")
    throw new MachineInvalid("Cannot run an empty command in a machine");
  const odd = Object.keys(env ?? {}).find((key) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(key));
  if (odd !== undefined)
    throw new MachineInvalid(
      `Cannot set ${JSON.stringify(odd)} in a machine's environment: expected letters, digits and _`,
    );
  const files = joinFiles(await cgroupMounts(), await readFile(`/proc/${leader}/cgroup`, "utf8"));
  return {
    argv: [
      "/bin/sh",
      "-c",
      joinScript,
      "join",
      files.join(" "),
      ...namespaces(leader),
      ...privileges(user),
      ...inFolder(cwd),
      ...argv,
    ],
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      LANG: "C.UTF-8",
      HOME: user.home,
      USER: user.name,
      LOGNAME: user.name,
      SHELL: user.shell,
      ...env,
    },
  };
}

const namespaces = (leader: number): string[] => [
  "/usr/bin/nsenter",
  `--target=${leader}`,
  "--mount",
  "--uts",
  "--ipc",
  "--net",
  "--pid",
  "--cgroup",
  "--",
];

function privileges(user: User): string[] {
  const bounds = "--bounding-set=-sys_time,-sys_module";
  const identity = user.uid === 0 ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--init-groups"];
  return ["/usr/bin/setpriv", bounds, ...identity, "--"];
}

/** A shell changes the folder, as it takes any command name (env would take one with `=` for an assignment). */
function inFolder(cwd: string | undefined): string[] {
  return cwd === undefined ? [] : ["/bin/sh", "-c", 'cd -- "$0" && exec "$@"', cwd];
}
