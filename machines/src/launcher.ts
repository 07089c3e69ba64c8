/**
 * How a machine's process is started so that it outlives us: a small shell script, started in a session and a mount
 * namespace of its own, mounts the disk (the mount goes when the last process goes: a kill leaves none on the host),
 * enters the machine's control groups and runs systemd-nspawn, again for each reboot (exit code 133).
 * On a systemd host the service manager does the same with a transient unit, and survives us as well.
 */
import { join } from "node:path";
import { nspawnName, unitName } from "./names.ts";
import type { MachineBind, MachineLimits } from "./port.ts";

/** Exit code of nspawn with --keep-unit for "the machine wants to reboot". */
export const rebootExitCode = 133;

/** Arguments: DIR LOWER MODE GROUP... -- NSPAWN ARGUMENT... ; MODE is `loop` or `once`. */
export const launcherScript = `#!/bin/sh
set -u
dir=$1 lower=$2 mode=$3; shift 3
groups=
while [ "$1" != -- ]; do groups="$groups $1"; shift; done
shift
save() { cat >"$dir/$1.new" && mv "$dir/$1.new" "$dir/$1"; }
pid=$$
start=$(cut -d' ' -f22 /proc/$pid/stat)
rm -f "$dir/exit"
printf '{"pid":%s,"startTime":"%s","bootId":"%s"}\\n' "$pid" "$start" "$(cat /proc/sys/kernel/random/boot_id)" | save run
mount -t overlay cantrip -o "lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work" "$dir/root" || { echo 125 | save exit; exit 125; }
export SYSTEMD_SECCOMP=0
if [ "$mode" = once ]; then exec "$@"; fi
while :; do
  # Groups that the last run made below ours: on version 2 a group with children takes no process.
  for group in $groups; do find "$group" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null; done
  (
    # This very process becomes nspawn: $$ would be the outer shell.
    self=$(exec sh -c 'echo "$PPID"')
    for group in $groups; do echo "$self" >"$group/cgroup.procs" || exit 126; done
    exec "$@"
  )
  code=$?
  [ "$code" = ${rebootExitCode} ] || break
done
echo "$code" | save exit
exit "$code"
`;

export interface LaunchSpec {
  id: string;
  name: string;
  machineId: string;
  bridge: string;
  /** The machine's folder in our state. */
  dir: string;
  /** Folder with what all machines of the instance share: hosts, resolv.conf. */
  sharedDir: string;
  binds: readonly MachineBind[];
}

/** The nspawn command of a machine. */
export function nspawnArgv({ id, name, machineId, bridge, dir, sharedDir, binds }: LaunchSpec): string[] {
  return [
    "systemd-nspawn",
    "--quiet",
    "--settings=no",
    "--register=no",
    "--keep-unit",
    "--boot",
    `--directory=${join(dir, "root")}`,
    `--machine=${nspawnName(id, name)}`,
    `--hostname=${name}`,
    `--uuid=${machineId}`,
    `--network-bridge=${bridge}`,
    "--capability=all",
    // A machine shares the host's clock and kernel: it must not set the one or load modules into the other.
    "--drop-capability=CAP_SYS_TIME,CAP_SYS_MODULE",
    "--system-call-filter=@keyring bpf perf_event_open",
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
    "--notify-ready=yes",
    "--console=read-only",
    "--bind=/dev/kmsg",
    `--bind-ro=${sharedDir}:/run/cantrip-shared`,
    `--bind-ro=${join(dir, "net")}:/run/cantrip-machine`,
    // Plain folders: a container runtime's overlays cannot lie on an overlay.
    ...plainFolders.map((path) => `--bind=${join(dir, "volumes", path.replaceAll("/", "_"))}:${path}`),
    ...binds.map(({ source, target, readOnly }) => `--bind${readOnly ? "-ro" : ""}=${source}:${target}`),
  ];
}

export const plainFolders = ["/var/lib/containerd", "/var/lib/kubelet"] as const;

/** The command that starts a machine where the host has no systemd. */
export function detachedArgv(
  dir: string,
  lower: string,
  groups: readonly string[],
  nspawn: readonly string[],
): string[] {
  return [...privateMounts, "/bin/sh", join(dir, "launcher"), dir, lower, "loop", ...groups, "--", ...nspawn];
}

/** The command that starts a machine on a systemd host, as a unit that systemd restarts on reboot and puts in a delegated group. */
export function systemdRunArgv(
  spec: LaunchSpec,
  lower: string,
  limits: MachineLimits,
  nspawn: readonly string[],
): string[] {
  const { id, name, dir } = spec;
  const console = `append:${join(dir, "console.log")}`;
  const properties = [
    "Type=notify",
    "NotifyAccess=all",
    "Delegate=yes",
    "KillMode=mixed",
    "TimeoutStartSec=infinity",
    // A machine may reboot as often as it likes.
    "StartLimitIntervalSec=0",
    "TasksMax=infinity",
    "LimitNOFILE=1048576",
    `RestartForceExitStatus=${rebootExitCode}`,
    `SuccessExitStatus=${rebootExitCode}`,
    // As the launcher does elsewhere: how it ended, for whoever looks later.
    `ExecStopPost=/bin/sh -c 'echo "$$EXIT_STATUS" >${join(dir, "exit")}'`,
    `StandardOutput=${console}`,
    `StandardError=${console}`,
    ...(limits.memoryBytes === undefined ? [] : [`MemoryMax=${limits.memoryBytes}`]),
    ...(limits.cpus === undefined ? [] : [`CPUQuota=${Math.round(limits.cpus * 100)}%`]),
    ...(limits.tasks === undefined ? [] : [`TasksMax=${limits.tasks}`]),
  ];
  return [
    "systemd-run",
    "--quiet",
    "--collect",
    "--no-block",
    `--unit=${unitName(id, name)}`,
    `--description=Cantrip machine ${name}`,
    ...properties.map((property) => `--property=${property}`),
    ...privateMounts,
    "/bin/sh",
    join(dir, "launcher"),
    dir,
    lower,
    "once",
    "--",
    ...nspawn,
  ];
}

const privateMounts = ["unshare", "--mount", "--propagation=private", "--"] as const;
