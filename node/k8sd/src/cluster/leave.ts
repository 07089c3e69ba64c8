/**
 * Takes a node apart so that it can join again: services, containers, mounts, network, files, and its identity last.
 * Each step may be repeated, and a failing one does not stop the others: what could not be undone is reported.
 */
import { readlinkSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../base/errors.ts";
import { forgetIdentity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { cniConfigFile } from "../network/cni.ts";
import { removeNetwork } from "../network/agent.ts";
import { isClaimed, releaseMachine } from "../node/claim.ts";
import { untune } from "../node/tuning.ts";
import { ALL_SERVICES, disable, kill, stop } from "../node/services.ts";
import { endContainers } from "./containers.ts";
import { leaveShared } from "./shared.ts";

export async function leave(paths: Paths): Promise<void> {
  let failures = await tryAll(paths);
  for (let again = 0; failures.length > 0 && again < 3; again += 1) {
    for (const failure of failures) log.warning(`cleaning up: ${failure}; trying again`);
    await sleep(1_000);
    failures = await tryAll(paths);
  }
  if (failures.length > 0) throw new Error(`Cannot leave the cluster completely: ${failures.join("; ")}`);
  await releaseMachine(paths);
  await forgetIdentity(paths.identity);
}

/** Runs every step, whatever the others do; returns what failed. */
async function tryAll(paths: Paths): Promise<string[]> {
  const failures: string[] = [];
  // What other software of the machine may own is touched only where it is known to be this node's.
  const shared = (await isClaimed(paths)) ? leaveShared(paths) : [];
  for (const [name, step] of [...stepsOf(paths), ...shared])
    await step().catch((error: unknown) => void failures.push(`${name}: ${messageOf(error)}`));
  return failures;
}

function stepsOf(paths: Paths): [string, () => Promise<void>][] {
  return [
    [
      "stop what starts containers",
      () => stop("kubelet", "kube-proxy", "kube-controller-manager", "kube-scheduler", "k8s-apiserver-proxy"),
    ],
    ["end containers", () => endContainers(paths.package)],
    ["stop the control plane", () => kill("kube-apiserver", "etcd")],
    ["stop containerd", () => stop("containerd")],
    ["keep services from starting", () => disable(paths, ...ALL_SERVICES)],
    ["remove routes and rules", removeNetwork],
    ["take back limits", () => untune(paths)],
    ["remove files", () => removeFiles(paths)],
  ];
}

async function removeFiles(paths: Paths): Promise<void> {
  const links = await readdir(paths.cniBin).catch(() => [] as string[]);
  const own = links.map((name) => join(paths.cniBin, name)).filter(isOurLink);
  const lists = [
    paths.args,
    paths.certificates,
    cniConfigFile(paths),
    "/run/cantrip/ipam",
    join(paths.common, "var/lib/etcd"),
    ...own,
  ];
  for (const path of lists) await rm(path, { recursive: true, force: true });
}

function isOurLink(path: string): boolean {
  try {
    return readlinkSync(path).startsWith("/opt/k8s/");
  } catch {
    return false;
  }
}
