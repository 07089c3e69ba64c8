/** The kubelet's garbage collection of images, made to want every byte: it takes what nobody uses, and spares ours. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cantrip, succeed, until } from "../e2e/cluster.ts";
import { buildProbeImage, probe } from "../e2e/probe-image.ts";

const scratch = mkdtempSync(join(tmpdir(), "cantrip-collection-"));
const ctr = "/opt/k8s/current/bin/ctr -n k8s.io images";
const onWorker = async (script: string): Promise<string> =>
  (await succeed(["exec", "--unit", "k8s-worker/0", "--", "bash", "-c", script])).stdout;
const list = (): Promise<string> => onWorker(`${ctr} ls -q 2>/dev/null`);

beforeAll(async () => {
  await cantrip(["down"]);
  await succeed(["up"], { timeoutMs: 3_600_000 });
  await succeed(["image", "load", await buildProbeImage(scratch)]);
});
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await cantrip(["down"], { timeoutMs: 180_000 });
});

test("the kubelet collects an image that nobody uses, and none that was imported here", async () => {
  // Not pinned: what a pull from a registry would leave.
  const decoy = await buildProbeImage(scratch, "decoy.test/unused:1");
  await succeed(["scp", decoy, "k8s-worker/0:/tmp/decoy.tar"]);
  await onWorker(`${ctr} import /tmp/decoy.tar`);
  expect(await list()).toContain("decoy.test/unused:1");
  const flags = [
    "--image-gc-high-threshold=1",
    "--image-gc-low-threshold=0",
    "--minimum-image-ttl-duration=1ms",
  ];
  await onWorker(
    `printf '%s\\n' ${flags.join(" ")} >> /var/snap/k8s/common/args/kubelet && systemctl restart snap.k8s.kubelet`,
  );
  // It runs every five minutes.
  await until(
    "the kubelet to collect the image",
    async () => !(await list()).includes("decoy.test/unused:1"),
    { timeoutMs: 420_000, everyMs: 3000 },
  );
  const left = await list();
  for (const image of ["cantrip.local/pause", "cantrip.local/coredns", probe]) expect(left).toContain(image);
}, 900_000);
