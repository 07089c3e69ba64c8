/** The command as a person runs it, on an instance of its own, so that a cluster that is already here is left alone. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { execa } from "execa";

export const top = resolve(import.meta.dirname, "../..");

/** Machines, state, network and client files of the tests; caches are the host's own. */
export const environment = {
  CANTRIP_INSTANCE: "cantrip-e2e",
  CANTRIP_STATE: "/var/lib/cantrip-e2e",
  CANTRIP_DATA: "/var/lib/cantrip-e2e-client",
  CANTRIP_KUBECONFIG: "/var/lib/cantrip-e2e-client/kubeconfig",
  // As sudo tells who asked: the client files and the kubeconfig must become this person's.
  SUDO_UID: "65534",
  SUDO_GID: "65534",
};

export interface Result {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function cantrip(
  argv: readonly string[],
  { timeoutMs = 300_000, uid }: { timeoutMs?: number; uid?: number } = {},
): Promise<Result> {
  const done = await execa(join(top, "cantrip"), argv, {
    env: environment,
    ...(uid === undefined ? {} : { uid, gid: uid }),
    reject: false,
    timeout: timeoutMs,
    stdin: "ignore",
  });
  return { exitCode: done.exitCode ?? -1, stdout: done.stdout, stderr: done.stderr };
}

/** The command in the background, in a process group of its own, so that it can be killed with all that it started. */
export function start(argv: readonly string[]): { kill(): void; ended: Promise<unknown> } {
  const child = spawn(join(top, "cantrip"), argv, {
    env: { ...process.env, ...environment },
    stdio: "ignore",
    detached: true,
  });
  return {
    kill: () => process.kill(-(child.pid ?? 0), "SIGKILL"),
    ended: new Promise((done) => child.on("exit", done)),
  };
}

/** @throws with all that the command printed, when it did not exit 0 */
export async function succeed(
  argv: readonly string[],
  options: { timeoutMs?: number } = {},
): Promise<Result> {
  const result = await cantrip(argv, options);
  if (result.exitCode !== 0)
    throw new Error(
      `cantrip ${argv.join(" ")} exited with ${result.exitCode}\n${result.stderr}\n${result.stdout}`,
    );
  return result;
}

/** kubectl on the host, with the kubeconfig that `up` printed and nothing else. */
export async function kubectl(
  argv: readonly string[],
  { input, timeoutMs = 60_000 }: { input?: string; timeoutMs?: number } = {},
): Promise<string> {
  const options = {
    env: environment,
    timeout: timeoutMs,
    ...(input === undefined ? { stdin: "ignore" as const } : { input }),
  };
  const { stdout } = await execa(join(top, "cantrip"), ["kubectl", ...argv], options);
  return stdout;
}

export interface NodeSummary {
  readonly name: string;
  readonly ready: boolean;
  readonly version: string;
  readonly roles: readonly string[];
}

export async function nodes(): Promise<NodeSummary[]> {
  const { items } = JSON.parse(await kubectl(["get", "nodes", "-o", "json"])) as { items: KubernetesNode[] };
  return items.map(({ metadata, status }) => ({
    name: metadata.name,
    ready: status.conditions.some(({ type, status }) => type === "Ready" && status === "True"),
    version: status.nodeInfo.kubeletVersion,
    roles: Object.keys(metadata.labels)
      .filter((label) => label.startsWith("node-role.kubernetes.io/"))
      .map((label) => label.slice("node-role.kubernetes.io/".length)),
  }));
}

interface KubernetesNode {
  readonly metadata: { readonly name: string; readonly labels: Record<string, string> };
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
    readonly nodeInfo: { readonly kubeletVersion: string };
  };
}

export interface ModelStatus {
  readonly machines: Record<
    string,
    {
      readonly "juju-status": { readonly current: string };
      readonly "instance-id"?: string;
      readonly hostname?: string;
    }
  >;
  readonly applications: Record<
    string,
    {
      readonly "application-status": { readonly current: string; readonly message?: string };
      readonly units?: Record<
        string,
        {
          readonly "workload-status": { readonly current: string; readonly message?: string };
          readonly "juju-status": { readonly current: string };
          readonly machine?: string;
        }
      >;
    }
  >;
}

export async function status(): Promise<ModelStatus> {
  return JSON.parse((await succeed(["status", "--format", "json"])).stdout) as ModelStatus;
}

/** Waits until `check` holds. @throws naming what was waited for and what was seen last */
export async function until(
  what: string,
  check: () => Promise<boolean>,
  { timeoutMs = 120_000, everyMs = 500 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<void> {
  const end = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < end) {
    try {
      if (await check()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resume) => setTimeout(resume, everyMs));
  }
  throw new Error(`waited ${timeoutMs / 1000} s for ${what}`, { cause: last });
}

export async function unitActive(unit: string, timeoutMs = 180_000): Promise<void> {
  const [application = ""] = unit.split("/");
  await until(
    `${unit} to be active`,
    async () =>
      (await status()).applications[application]?.units?.[unit]?.["workload-status"].current === "active",
    { timeoutMs },
  );
}

/** What a host shows of machines: compared before `up` and after `down`. */
export async function traces(): Promise<Record<string, readonly string[]>> {
  const lines = async (command: string): Promise<string[]> => {
    const { stdout } = await execa("sh", ["-c", command], { reject: false });
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .sort();
  };
  const settings = [
    "net.ipv4.ip_forward",
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "vm.overcommit_memory",
    "kernel.panic",
    "kernel.panic_on_oops",
  ];
  return {
    processes: await lines("ps -eo args= | grep cantrip-e2e | grep -v -E 'grep|vitest'"),
    mounts: await lines("grep cantrip-e2e /proc/self/mounts | cut -d' ' -f2"),
    links: await lines("ip -o link show | cut -d: -f2 | cut -d@ -f1 | tr -d ' '"),
    rules: await lines("nft list tables"),
    cgroups: await lines("find /sys/fs/cgroup -type d -name '*cantrip-e2e*'"),
    sysctls: await Promise.all(
      settings.map(
        async (name) =>
          `${name}=${existsSync(`/proc/sys/${name.replaceAll(".", "/")}`) ? readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8").trim() : ""}`,
      ),
    ),
    files: [
      environment.CANTRIP_STATE,
      environment.CANTRIP_DATA,
      "/etc/systemd/system/cantrip-e2e-controller.service",
    ].filter((path) => existsSync(path)),
    routes: await lines("ip route show"),
  };
}
