/** A cluster on a host with systemd and control groups of version 2: in a machine, and on the host itself. Runs where run.ts brings it. */
import { basename } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openMachines, type ExecResult } from "@cantrip/machines";

const tree = process.env["CANTRIP_HOST_V2_TREE"] ?? "";
const installed = `/opt/cantrip/packages/${basename(tree)}`;
const minutes = (count: number): number => count * 60_000;

type Run = (argv: readonly string[]) => Promise<Pick<ExecResult, "exitCode" | "stdout" | "stderr">>;

/** The whole way of a node, whatever it runs on: the same steps, by another way to run a command. */
function aNode(run: Run, installer: string, reboot?: () => Promise<void>): void {
  const must = async (...argv: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await run(argv);
    expect({ exitCode, stderr: exitCode === 0 ? "" : `${stderr}${stdout}` }, argv.join(" ")).toEqual({
      exitCode: 0,
      stderr: "",
    });
    return stdout.trim();
  };
  const shell = (text: string) => must("sh", "-ec", text);
  const coredns = "k8s kubectl --namespace kube-system rollout status deployment/coredns";
  const isReady = () =>
    shell(
      `k8s kubectl wait --for=condition=Ready node --all --timeout=15m
for attempt in $(seq 300); do ${coredns} --watch=false >/dev/null 2>&1 && break; sleep 1; done
${coredns} --timeout=15m`,
    );

  test("is installed and bootstrapped, its node Ready at the pinned version, its DNS serving", async () => {
    await must(installer);
    await must("k8s", "bootstrap", "--timeout", "20m");
    await isReady();
    const version = await shell(
      "k8s kubectl get nodes -o jsonpath={.items[0].status.nodeInfo.kubeletVersion}",
    );
    expect(version).toMatch(/^v1\.36\./);
    const cgroup = await shell("grep -h SystemdCgroup /etc/containerd/config.toml || true");
    expect(cgroup).toContain("true");
    expect(await shell("cat /proc/$(pgrep -x coredns)/cgroup")).toMatch(/^0::.*kubepods.*/);
  });

  if (reboot)
    test("comes back by itself when its machine is rebooted", async () => {
      await reboot();
      const isBack = "k8s kubectl get nodes >/dev/null 2>&1 && pgrep -x coredns >/dev/null";
      await shell(`for attempt in $(seq 600); do ${isBack} && exit 0; sleep 1; done; exit 1`);
      await isReady();
    });

  test("is taken off without a trace", async () => {
    await must(installer.replace(/install$/, "remove"));
    const left = await shell(
      "ls -d /opt/k8s /usr/local/bin/k8s /var/snap/k8s /etc/kubernetes /etc/systemd/system/snap.k8s.* 2>/dev/null || true; pgrep -x kubelet || true; find /sys/fs/cgroup -name 'kubepods*'",
    );
    expect(left).toBe("");
  });
}

const title =
  tree === ""
    ? "skipped: needs the emulated host (scripts/test host-v2)"
    : "on systemd and control groups v2, a node";

describe.skipIf(tree === "")(title, () => {
  describe("in a machine", () => {
    const machines = openMachines({
      id: "v2",
      bridge: "ctv2",
      subnet: "10.78.6.0/24",
      stateDir: "/var/lib/v2-machines",
      cacheDir: process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip",
    });
    const boot = async (): Promise<void> => {
      await machines.start("n1");
      await machines.waitBooted("n1", { timeoutMs: minutes(10) });
    };
    beforeAll(async () => {
      await machines.prepare();
      await machines.create({ name: "n1", binds: [{ source: tree, target: installed, readOnly: true }] });
      await boot();
    });
    afterAll(async () => {
      await machines.cleanup();
      await machines.restore();
    });
    const reboot = async (): Promise<void> => {
      const before = (await machines.get("n1"))?.leaderPid;
      await machines.exec("n1", ["systemctl", "reboot"], { timeoutMs: minutes(2) });
      const leader = async () => (await machines.get("n1"))?.leaderPid ?? before;
      await expect.poll(leader, { timeout: minutes(10), interval: 500 }).not.toBe(before);
      await machines.waitBooted("n1", { timeoutMs: minutes(10) });
    };
    aNode((argv) => machines.exec("n1", argv, { timeoutMs: minutes(25) }), `${installed}/install`, reboot);
  });

  describe("on the host itself", () => {
    aNode(async ([command = "", ...argv]) => {
      const { exitCode, stdout, stderr } = await execa(command, argv, {
        reject: false,
        timeout: minutes(25),
      });
      return { exitCode: exitCode ?? 1, stdout, stderr };
    }, `${tree}/install`);
  });
});
