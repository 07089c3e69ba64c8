/**
 * Operations on real machines, each hurt once at a random moment: a process is killed, or the power of the whole machine
 * cut. Then the operation is repeated until it says that it is done. A seed decides everything, so that a failure replays.
 */
import { boot, eventually, exec, kubectl, machines, must, node, shell } from "./machines.ts";

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomness(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const VICTIMS = ["k8sd", "etcd", "kube-apiserver", "containerd", "machine"] as const;
type Victim = (typeof VICTIMS)[number];

export interface Hurt {
  readonly machine: string;
  readonly victim: Victim;
  readonly afterMs: number;
}

/** Which of these machines, what on it, and when. */
export function hurtOf(random: () => number, names: readonly string[], withinMs: number): Hurt {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  return { machine: pick(names), victim: pick(VICTIMS), afterMs: Math.floor(random() * withinMs) };
}

async function strike({ machine, victim, afterMs }: Hurt): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  if (victim !== "machine") {
    await exec(machine, ["systemctl", "kill", "--signal=SIGKILL", `snap.k8s.${victim}.service`]);
    return;
  }
  await machines.kill(machine);
  await boot(machine);
}

/** Begins an operation, hurts it, and repeats it until it is done. */
export async function survive(
  what: string,
  hurt: Hurt,
  attempt: () => Promise<{ done: boolean; said: string }>,
): Promise<void> {
  const first = attempt().catch((error: unknown) => ({ done: false, said: String(error) }));
  await strike(hurt);
  let last = await first;
  await eventually(
    `${what} is done after ${hurt.victim} of ${hurt.machine} was killed at ${hurt.afterMs} ms`,
    async () => {
      last = await attempt();
      if (!last.done) throw new Error(last.said);
      return true;
    },
    300_000,
  );
}

const ALREADY = "already part of a cluster";
/** Between two attempts the daemon may be starting, or doing by itself what it had begun. */
const said = ({ exitCode, stdout, stderr }: { exitCode: number; stdout: string; stderr: string }) => ({
  done: exitCode === 0 || stderr.includes(ALREADY),
  said: `${stdout}${stderr}`,
});

/** Part of a cluster, with nothing under way. */
export async function isSettled(name: string): Promise<boolean> {
  const text = await must(name, ["k8s", "local-node-status", "--output-format", "json"]);
  const { status } = JSON.parse(text) as { status: { "cluster-role": string } };
  return status["cluster-role"] !== "unknown";
}

async function settled(result: { done: boolean; said: string }, name: string) {
  return result.done && !(await isSettled(name))
    ? { done: false, said: "an operation is under way" }
    : result;
}

export const bootstrap = (name: string) => async () =>
  settled(said(await exec(name, ["k8s", "bootstrap", "--timeout", "120s"])), name);

export const joinTo = (via: string, name: string) => async () => {
  const known = await exec(name, ["k8s", "local-node-status", "--output-format", "json"]);
  if (known.exitCode === 0 && (await isSettled(name))) return { done: true, said: "" };
  const role = name.startsWith("w") ? ["--worker"] : [];
  const token = await exec(via, ["k8s", "get-join-token", name, ...role]);
  if (token.exitCode !== 0) return { done: false, said: token.stderr };
  return settled(
    said(await exec(name, ["k8s", "join-cluster", token.stdout.trim(), "--timeout", "120s"])),
    name,
  );
};

export const removeBy = (via: string, name: string) => async () => {
  const { exitCode, stderr } = await exec(via, ["k8s", "remove-node", name, "--timeout", "60s"]);
  return { done: exitCode === 0, said: stderr };
};

/** All of a node's certificates; done once their end says so. */
export const refreshOn = (name: string) => async () => {
  const { exitCode, stderr } = await exec(name, ["k8s", "refresh-certs", "--expires-in", "200d"]);
  return { done: exitCode === 0, said: stderr };
};

const UNFIT = `
const { readdirSync, readFileSync, existsSync } = require("node:fs");
const { createPrivateKey, X509Certificate } = require("node:crypto");
for (const place of process.argv.slice(1))
  for (const file of readdirSync(place, { recursive: true }).map(String)) {
    if (file.endsWith(".next")) console.log(place + "/" + file);
    const key = place + "/" + file.replace(/crt$/, "key");
    if (!file.endsWith(".crt") || !existsSync(key)) continue;
    const certificate = new X509Certificate(readFileSync(place + "/" + file));
    if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(key)))) console.log(key);
  }`;

/** Keys of a node that do not belong to the certificate beside them, and what a replacement has left; empty if all is well. */
export const unfitKeysOf = (name: string): Promise<string> =>
  must(name, [
    "/opt/k8s/current/runtime/bin/node",
    "-e",
    UNFIT,
    "/etc/kubernetes/pki",
    "/var/snap/k8s/common/var/lib/k8sd/state/certificates",
  ]);

interface NodeList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
    readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

const ETCDCTL =
  "/opt/k8s/current/bin/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/k8sd-etcd-client.crt --key=/etc/kubernetes/pki/k8sd-etcd-client.key";

/** What is wrong with a cluster that should consist of these nodes; empty if nothing is. */
export async function problemsOf(via: string, names: readonly string[]): Promise<string[]> {
  const planes = names.filter((name) => name.startsWith("c"));
  const nodes = (JSON.parse(await kubectl(via, "get", "nodes", "-o", "json")) as NodeList).items;
  const ready = nodes.filter(({ status }) =>
    status.conditions.some(({ type, status: value }) => type === "Ready" && value === "True"),
  );
  const { members } = JSON.parse(await shell(via, `${ETCDCTL} member list -w json`)) as {
    members: { name?: string; isLearner?: boolean }[];
  };
  const rows = (
    await shell(via, `${ETCDCTL} get --prefix --print-value-only /cantrip/ | grep '"state"' || true`)
  )
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { name: string; state: string });
  return [
    ...differing(
      "Ready nodes",
      ready.map(({ metadata }) => metadata.name),
      names,
    ),
    ...differing(
      "Nodes",
      nodes.map(({ metadata }) => metadata.name),
      names,
    ),
    ...differing(
      "etcd members",
      members.map(({ name = "?", isLearner }) => (isLearner ? `${name} (learner)` : name)),
      planes,
    ),
    ...differing(
      "records",
      rows.map(({ name, state }) => (state === "joined" ? name : `${name} (${state})`)),
      names,
    ),
  ];
}

const differing = (what: string, found: readonly string[], expected: readonly string[]) =>
  [...found].sort().join() === [...expected].sort().join()
    ? []
    : [`${what}: found ${[...found].sort().join(", ")}, expected ${[...expected].sort().join(", ")}`];

/** What a node that was removed still holds; empty if nothing. */
export async function remainsOf(name: string): Promise<string> {
  const { stderr } = await exec(name, ["k8s", "status"]);
  const part = stderr.includes("not part of a Kubernetes cluster") ? "" : stderr;
  return (
    part +
    (await shell(
      name,
      "ls -d /etc/kubernetes /var/snap/k8s/common/args /var/snap/k8s/common/var/lib/etcd /run/netns/* 2>/dev/null || true; pgrep -x containerd-shim || true",
    ))
  );
}

/** Fresh machines of these names. */
export async function freshMachines(names: readonly string[]): Promise<void> {
  for (const name of names) {
    await machines.destroy(name);
    await node(name);
  }
}
