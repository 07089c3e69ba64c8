/** `cantrip image load FILE`: puts an image archive into the container runtime of every node of the model. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Machines } from "@cantrip/machines";
import { hostPaths } from "./paths.ts";
import { readSettings } from "./settings.ts";
import { machinesOf } from "./up.ts";

/** Pinned: there is no registry to pull it from again once the kubelet's garbage collection has taken it. */
const pinned = "io.cri-containerd.pinned=pinned";
const ctr = ["/opt/k8s/current/bin/ctr", "-n", "k8s.io", "images", "import", "--label", pinned, "-"];

/**
 * @returns how many machines took it
 * @throws Error that names the file, or the machine and what its runtime said
 */
export async function loadImage(file: string, machines: Machines): Promise<number> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile())
    throw new Error(
      `Cannot load ${JSON.stringify(file)}: expected an image archive (docker save, or an OCI layout tar)`,
    );
  const running = (await machines.list()).filter(({ state }) => state === "running");
  let loaded = 0;
  for (const { name } of running) {
    const isNode =
      (await machines.exec(name, ["test", "-S", "/run/containerd/containerd.sock"], { timeoutMs: 10_000 }))
        .exitCode === 0;
    if (!isNode) continue;
    const { exitCode, stderr } = await machines.exec(name, ctr, {
      stdin: createReadStream(file),
      timeoutMs: 300_000,
    });
    if (exitCode !== 0)
      throw new Error(`Machine ${name} refused ${file}: ${stderr.trim().split("\n").at(-1)}`);
    loaded += 1;
  }
  if (loaded === 0)
    throw new Error(`No machine runs a container runtime: is the cluster up? See "cantrip status"`);
  return loaded;
}

/** On this host's own instance. @throws Error when there is none, or this process is not root */
export async function loadImageIntoNodes(file: string): Promise<number> {
  if (process.getuid?.() !== 0)
    throw new Error('Images go into machines by root: run "sudo cantrip image load FILE"');
  const paths = hostPaths();
  const settings = await readSettings(paths);
  if (!settings) throw new Error('There is no cluster on this host: run "sudo cantrip up" first');
  return await loadImage(file, machinesOf(paths, settings));
}
