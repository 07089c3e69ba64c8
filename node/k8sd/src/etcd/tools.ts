/** etcd's own programs, for what its API does not do: snapshots, their restoration, and a member forced to be alone. */
import { spawn } from "node:child_process";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Paths } from "../base/paths.ts";
import { run } from "../base/run.ts";
import { until } from "../base/until.ts";

/** Restored revisions lie so far beyond every one that a watcher may have seen that it has to list anew. */
const BUMP = "1000000000";
const LOOPBACK = "https://127.0.0.1:23790";

const pki = (paths: Paths, file: string) => join(paths.pki, file);
const tlsFlags = (paths: Paths) => [
  `--cacert=${pki(paths, "etcd/ca.crt")}`,
  `--cert=${pki(paths, "k8sd-etcd-client.crt")}`,
  `--key=${pki(paths, "k8sd-etcd-client.key")}`,
];

export interface SnapshotFacts {
  readonly revision: number;
  readonly totalKey: number;
  readonly totalSize: number;
}

/** Saves what the member at an endpoint has, to a file that is there whole or not at all. */
export async function saveSnapshot(paths: Paths, endpoint: string, file: string): Promise<SnapshotFacts> {
  const tool = join(paths.package, "bin/etcdctl");
  await run([tool, ...tlsFlags(paths), `--endpoints=${endpoint}`, "snapshot", "save", file], {
    timeoutMs: 600_000,
  });
  return snapshotFacts(paths, file);
}

export async function snapshotFacts(paths: Paths, file: string): Promise<SnapshotFacts> {
  const tool = join(paths.package, "bin/etcdutl");
  return JSON.parse(await run([tool, "snapshot", "status", file, "--write-out=json"])) as SnapshotFacts;
}

export interface Restoration {
  readonly snapshot: string;
  readonly name: string;
  readonly peerUrl: string;
}

/** Makes the data of a lone member out of a snapshot. The directory is there whole or not at all. */
export async function restoreSnapshot(
  paths: Paths,
  target: string,
  { snapshot, name, peerUrl }: Restoration,
) {
  const making = `${target}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(join(target, ".."), { recursive: true, mode: 0o700 });
  const flags = [
    `--data-dir=${making}`,
    `--name=${name}`,
    `--initial-cluster=${name}=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--bump-revision=${BUMP}`,
    "--mark-compacted",
  ];
  const tool = join(paths.package, "bin/etcdutl");
  await run([tool, "snapshot", "restore", snapshot, ...flags], { timeoutMs: 600_000 });
  await rename(making, target);
}

/**
 * Runs a member alone on loopback, whatever its data says of others: it keeps all that it knows to be committed. Returns
 * how many entries it discarded, once `act` is done with it.
 */
export async function aloneOnLoopback(
  paths: Paths,
  dataDir: string,
  act: (endpoint: string) => Promise<void>,
): Promise<number> {
  const argv = [
    `--data-dir=${dataDir}`,
    "--name=recovery",
    "--force-new-cluster",
    "--election-timeout=150",
    "--heartbeat-interval=30",
    `--listen-client-urls=${LOOPBACK}`,
    `--advertise-client-urls=${LOOPBACK}`,
    "--listen-peer-urls=http://127.0.0.1:23800",
    "--initial-advertise-peer-urls=http://127.0.0.1:23800",
    "--client-cert-auth",
    `--trusted-ca-file=${pki(paths, "etcd/ca.crt")}`,
    `--cert-file=${pki(paths, "etcd/server.crt")}`,
    `--key-file=${pki(paths, "etcd/server.key")}`,
  ];
  const child = spawn(join(paths.package, "bin/etcd"), argv, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let said = "";
  child.on("error", (error) => (said += error.message));
  child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-262_144)));
  const tool = join(paths.package, "bin/etcdctl");
  const health = [tool, ...tlsFlags(paths), `--endpoints=${LOOPBACK}`, "endpoint", "health"] as const;
  try {
    await until("etcd runs alone on its own data", () => run([...health]).then(() => true), {
      timeoutMs: 120_000,
    });
    await act(LOOPBACK);
  } catch (error) {
    throw new Error(`${(error as Error).message}; etcd said: ${lastLines(said)}`, { cause: error });
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  return discardedIn(said);
}

const lastLines = (text: string) => text.trim().split("\n").slice(-3).join(" | ").slice(0, 1_000);

/** Entries that etcd says it has discarded, since nothing told that they were committed. */
export function discardedIn(log: string): number {
  const counts = [...log.matchAll(/"number-of-discarded-entries":(\d+)/g)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
