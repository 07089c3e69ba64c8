/** A machine whose disk has no room for the daemon's state: said, undone, and done again when there is room. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { exec, kubectl, machines, must, node, shell } from "./machines.ts";

const state = "/var/snap/k8s/common/var/lib/k8sd/state";
/** All but what a few bytes need: the file system keeps no block free. */
const fill = `dd if=/dev/zero of=${state}/fill bs=1k 2>/dev/null || true`;

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  await node("full");
  // A small disk of its own for the state, as the daemon finds it at its start.
  await shell(
    "full",
    `systemctl stop snap.k8s.k8sd; rm -rf ${state}; mkdir -p ${state}
mount -t tmpfs -o size=256k,mode=700 tmpfs ${state}; systemctl start snap.k8s.k8sd
for i in $(seq 100); do [ ! -S ${state}/control.socket ] || exit 0; sleep 0.1; done; exit 1`,
  );
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

test.each([0, 4, 12])(
  "a bootstrap with room for %i KiB names the file that has none, and leaves nothing",
  async (room) => {
    await shell("full", `rm -f ${state}/fill; ${fill}; truncate --size=-${room}K ${state}/fill`);
    const { exitCode, stderr } = await exec("full", ["k8s", "bootstrap", "--timeout", "1m"]);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(
        /Cannot write \/var\/snap\/k8s\/\S+: its disk is full; make room there/,
      ) as string,
    });
    const looks = [
      "ls -A /etc/kubernetes /var/lib/kubelet /opt/cni/bin /var/snap/k8s/common/args",
      "pgrep -x 'etcd|kubelet|containerd'",
      "ls -d /sys/fs/cgroup/kubepods* /sys/fs/cgroup/*/kubepods*",
    ];
    const left = await shell("full", `{ ${looks.join("; ")}; } 2>/dev/null || true`);
    expect(left.split("\n").filter((line) => line !== "" && !line.endsWith(":"))).toEqual([]);
    expect((await exec("full", ["k8s", "status"])).stderr).toContain("not part of a Kubernetes cluster");
  },
);

test("with room again the same bootstrap succeeds", async () => {
  await shell("full", `rm ${state}/fill`);
  await must("full", ["k8s", "bootstrap", "--timeout", "2m"]);
});

test("a disk that fills up under a cluster loses nothing: the daemon starts, answers, and changes no state that it cannot write", async () => {
  const before = await shell("full", `cat ${state}/identity.json`);
  await shell("full", fill);
  await shell("full", "systemctl restart snap.k8s.k8sd");
  await shell("full", "k8s status --wait-ready --timeout 1m");
  expect(await shell("full", `cat ${state}/identity.json`)).toBe(before);
  expect(await kubectl("full", "get", "nodes", "-o", "name")).toBe("node/full\n");
  await shell("full", `rm ${state}/fill`);
});
