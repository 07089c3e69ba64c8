/** What a node tells about itself in every state, by `k8s status` and `k8s inspect`; no secret is in it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, exec, kubectl, machines, must, node, readyNodes, shell } from "./machines.ts";

const REPORT = "/root/report.tar.gz";

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  await node("c1");
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

/** Paths of a report, and every secret of the machine's disk that is found in it. */
async function inspected(): Promise<{ files: string[]; found: string }> {
  expect(await must("c1", ["k8s", "inspect", REPORT, "--all-namespaces"])).toBe(
    `Report tarball is at ${REPORT}\n`,
  );
  expect(await shell("c1", `stat -c %a ${REPORT}`)).toBe("600\n");
  await shell("c1", `rm -rf /root/report && tar -C /root -xzf ${REPORT}`);
  const files = (await shell("c1", "cd /root/report && find . -type f | sort")).trim().split("\n");
  const found = await shell(
    "c1",
    `{ cat /etc/kubernetes/pki/*.key /etc/kubernetes/pki/etcd/*.key /var/snap/k8s/common/var/lib/k8sd/state/certificates/*.key /root/token 2>/dev/null | grep -v -- ----- ;
       grep -o '"client-key-data": "[^"]*"' /etc/kubernetes/admin.conf 2>/dev/null | cut -d'"' -f4;
       grep -o '"secret":"[^"]*"' /etc/kubernetes/pki/encryption.json 2>/dev/null | cut -d'"' -f4; } | grep -E '.{16,}' >/root/secrets || true
     grep -rFf /root/secrets /root/report 2>/dev/null || true; grep -rE 'PRIVATE KEY-----|token::[0-9a-f]{8}' /root/report || true`,
  );
  return { files, found };
}

test("a machine of no cluster can be inspected", async () => {
  const { files, found } = await inspected();
  expect(files).toContain("./is-not-bootstrapped-node");
  expect(files).toContain("./services/k8sd/journal.log");
  expect(found).toBe("");
});

test("bootstrap tells its steps, in lines where there is no terminal", async () => {
  const { exitCode, stderr, stdout } = await exec("c1", ["k8s", "bootstrap"]);
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toMatch(/bootstrap: /);
  expect(stdout).toMatch(/^Bootstrapped a new Kubernetes cluster with node address/);
  await eventually("c1 is Ready", async () => (await readyNodes("c1")).join() === "c1");
});

test("a control plane's report has its logs, states and arguments, and none of its secrets", async () => {
  await shell("c1", "k8s get-join-token w9 --worker >/root/token; k8s get-join-token c9 >>/root/token");
  await must("c1", [
    "k8s",
    "kubectl",
    "create",
    "secret",
    "generic",
    "s",
    "--from-literal=word=xyzzy-plugh-42",
  ]);
  // As a careless administrator would leave it.
  await shell(
    "c1",
    "systemd-cat -t snap.k8s.k8sd echo 'password=hunter2hunter2'; systemd-run --quiet --unit=leak sh -c 'sleep 600 # '$(head -1 /root/token)",
  );
  const env = ["DB_PASSWORD=pw1", "API_KEY=first\nkey2", "GREETING=hello\nyou"].map((one) => `--env=${one}`);
  const pod = ["run", "careless", "--image=cantrip.local/none:1", ...env];
  await kubectl("c1", "-n", "kube-system", ...pod);
  const { files, found } = await inspected();
  expect(files).toEqual(
    expect.arrayContaining([
      "./is-control-plane-node",
      "./args/kube-apiserver",
      "./services/etcd/journal.log",
      "./cluster/nodes.yaml",
      "./etcd/members.log",
      "./k8s/identity.json",
      "./network/nftables.log",
    ]),
  );
  expect(found).toBe("");
  expect(await shell("c1", "grep -rE 'xyzzy|hunter2' /root/report || true")).toBe("");
  const described = await shell("c1", "sed -n '/careless/,$p' /root/report/cluster/pods.log");
  expect(described).not.toMatch(/pw1|first|key2/);
  expect(described).toMatch(
    /DB_PASSWORD: +\[removed\]\n +API_KEY: +\[removed\]\n +\[removed\]\n +GREETING: +hello\n +you\n/,
  );
  expect(await shell("c1", "cat /root/report/k8s/status.log")).toContain("control plane nodes:");
  expect(await shell("c1", "cat /root/report/failed-steps.log")).not.toContain("k8s/");
});

test.each([
  ["k8sd", /Cannot reach k8sd[\s\S]*|node: +c1 \(control-plane\)/],
  ["kube-apiserver", /not ready|unknown/],
  ["etcd", /not ready|unknown/],
])("the status answers without %s, and says what is wrong", async (service, expected) => {
  await shell("c1", `systemctl stop snap.k8s.${service}`);
  const { stdout, stderr } = await exec("c1", ["k8s", "status"]);
  expect(`${stdout}${stderr}`).toMatch(expected);
  expect(stderr).not.toContain("not part of a Kubernetes cluster");
  const { found } = await inspected();
  expect(found).toBe("");
  await shell("c1", `systemctl start snap.k8s.${service}`);
  await must("c1", ["k8s", "status", "--wait-ready", "--timeout", "120s"]);
});

test("mistyped keys are told what they may have meant", async () => {
  const cases = [
    [["set", "dns.servce-ip=1.2.3.4"], /did you mean "dns.service-ip"/],
    [["get", "netwrk"], /did you mean "network"/],
    [["enable", "gatway"], /did you mean "gateway"/],
    [["statsu"], /Did you mean status/],
  ] as const;
  for (const [argv, reason] of cases) expect((await exec("c1", ["k8s", ...argv])).stderr).toMatch(reason);
});

test.each([
  ["bash", "bash -n"],
  ["zsh", "cat"],
  ["fish", "cat"],
])("the completion for %s is a script", async (name, check) => {
  const script = await must("c1", ["k8s", "completion", name]);
  expect(script).toContain("bootstrap");
  await must("c1", ["sh", "-c", `${check} >/dev/null`], script);
});
