import { deepEqual, equal, match } from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, onTestFinished, test } from "vitest";
import { SystemdWaker } from "../src/index.ts";

let root: string;
let calls: string[];
let waker: SystemdWaker;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "waker-"));
  onTestFinished(() => rm(root, { recursive: true }));
  calls = [];
  waker = new SystemdWaker("gpu/0", { root, run: async (argv) => (calls.push(argv.join(" ")), "") });
});
const unit = (name: string) => readFile(join(root, "etc/systemd/system", name), "utf8");
const facts = { node: "n1", kubeconfig: "/etc/kubernetes/kubelet.conf" };

test("the watcher is installed once, and restarted only when it changes", async () => {
  await waker.watchNode(facts);
  match(
    await unit("charm-gpu-0-watch.service"),
    /^ExecStart=\S+\/charm-gpu-0-watch-node gpu\/0 n1 \/etc\/kubernetes\/kubelet\.conf$/mu,
  );
  equal((await stat(join(root, "usr/local/lib/cantrip-charm/charm-gpu-0-watch-node"))).mode & 0o777, 0o755);
  deepEqual(calls, [
    "systemctl daemon-reload",
    "systemctl enable --quiet charm-gpu-0-watch.service",
    "systemctl restart --no-block charm-gpu-0-watch.service",
  ]);
  await waker.watchNode(facts);
  equal(calls.length, 3);
});

test("however often it is asked for, one wake is due", async () => {
  await waker.wakeAfter(5);
  await waker.wakeAfter(5);
  match(await unit("charm-gpu-0-wake.timer"), /^OnActiveSec=5$/mu);
  match(
    await unit("charm-gpu-0-wake.service"),
    /^ExecStart=systemd-run .*-- juju-exec gpu\/0 "JUJU_DISPATCH_PATH=hooks\/update-status \.\/dispatch"$/mu,
  );
  deepEqual(calls, [
    "systemctl daemon-reload",
    "systemctl restart charm-gpu-0-wake.timer",
    "systemctl restart charm-gpu-0-wake.timer",
  ]);
});

test("removing leaves nothing, and the units of others alone", async () => {
  await new SystemdWaker("gpu/00", { root, run: async () => "" }).wakeAfter(5);
  await waker.watchNode(facts);
  await waker.wakeAfter(5);
  await waker.remove();
  deepEqual(await readdir(join(root, "etc/systemd/system")), [
    "charm-gpu-00-wake.service",
    "charm-gpu-00-wake.timer",
  ]);
  calls.length = 0;
  await waker.remove();
  deepEqual(calls, []);
});
