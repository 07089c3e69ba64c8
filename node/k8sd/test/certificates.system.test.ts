/** Certificates of a running cluster: refreshed without anyone noticing, by hand and by themselves; administrators revoked. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, exec, kubectl, machines, must, node, readyNodes, shell } from "./machines.ts";

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  for (const name of ["c1", "w1"]) await node(name);
  await must("c1", ["k8s", "bootstrap", "--file", "-"], JSON.stringify(CONFIG));
  const token = (await must("c1", ["k8s", "get-join-token", "w1", "--worker"])).trim();
  await must("w1", ["k8s", "join-cluster", token]);
  await eventually("both are Ready", async () => (await readyNodes("c1")).join() === "c1,w1");
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

const CONFIG = {
  "cluster-config": { network: { enabled: true }, dns: { enabled: true } },
  "extra-sans": ["api.example.com"],
};

/** The date in two years, give or take days: one of the two may be a leap year. */
const twoYears = (days: number) =>
  new Date(Date.now() + (730 + days) * 86_400_000).toISOString().slice(0, 10);

/** Serial numbers of what is shown on a port now. */
const served = async (on: string, port: number, cert = "") =>
  (
    await shell(
      on,
      `echo | openssl s_client -connect $(hostname -I | cut -d' ' -f1):${port} ${cert} 2>/dev/null | openssl x509 -noout -serial -ext subjectAltName`,
    )
  ).trim();

const ETCD = "-cert /etc/kubernetes/pki/k8sd-etcd-client.crt -key /etc/kubernetes/pki/k8sd-etcd-client.key";
const PORTS: readonly [name: string, port: number, cert?: string][] = [
  ["the API server", 6443],
  ["etcd", 2379, ETCD],
  ["the kubelet", 10250],
  ["k8sd", 6400],
];

const restarts = (on: string) =>
  shell(on, "systemctl show -p Id,NRestarts,ExecMainStartTimestampMonotonic 'snap.k8s.*' | grep -v '^$'");

test("a refresh replaces what is served everywhere; nothing is restarted and no request fails", async () => {
  const before = await Promise.all(PORTS.map(([, port, cert]) => served("c1", port, cert)));
  const processes = await restarts("c1");
  await shell(
    "c1",
    "(while [ ! -e /tmp/stop ]; do k8s kubectl get --raw /api/v1/namespaces/default >/dev/null 2>>/tmp/failed || echo failed >>/tmp/failed; echo >>/tmp/asked; done) >/dev/null 2>&1 &",
  );
  expect(await must("c1", ["k8s", "refresh-certs", "--expires-in", "2y"])).toMatch(
    new RegExp(`successfully refreshed, and will expire at (${twoYears(-1)}|${twoYears(0)}|${twoYears(1)})`),
  );
  for (const [index, [name, port, cert]] of PORTS.entries())
    await eventually(`${name} shows its new certificate`, async () => {
      const now = await served("c1", port, cert);
      return now !== "" && now !== before[index];
    });
  expect(await served("c1", 6443), "names asked for at bootstrap are remembered").toContain(
    "api.example.com",
  );
  await kubectl("c1", "create", "configmap", "written-after");
  await eventually("the node is still heard of", async () => (await readyNodes("c1")).includes("c1"));
  await shell("c1", "touch /tmp/stop; sleep 1");
  expect(Number(await shell("c1", "wc -l < /tmp/asked"))).toBeGreaterThan(3);
  expect(await shell("c1", "cat /tmp/failed 2>/dev/null || true")).toBe("");
  expect(await restarts("c1")).toBe(processes);
});

test("some certificates alone, with a further name; wrong ones are named", async () => {
  const etcd = await served("c1", 2379, ETCD);
  await must("c1", [
    "k8s",
    "refresh-certs",
    "--certificates",
    "apiserver",
    "--extra-sans",
    "other.example.com",
  ]);
  await eventually("the API server has the name", async () =>
    (await served("c1", 6443)).includes("other.example.com"),
  );
  expect(await served("c1", 6443)).toContain("api.example.com");
  expect(await served("c1", 2379, ETCD)).toBe(etcd);
  const cases = [
    [["--certificates", "nope"], /invalid certificates for control-plane node: nope/],
    [["--extra-sans", "a_b"], /neither a DNS name/],
    [["--expires-in", "1s"], /expected 600 or more/],
    [["--expires-in", "soon"], /as a duration/],
  ] as const;
  for (const [flags, reason] of cases)
    expect((await exec("c1", ["k8s", "refresh-certs", ...flags])).stderr).toMatch(reason);
});

test("a worker's keys stay on it, a control plane signs", async () => {
  const kubelet = await served("w1", 10250);
  const key = () => shell("w1", "sha256sum /etc/kubernetes/pki/kubelet-client.key");
  const before = await key();
  await must("w1", ["k8s", "refresh-certs", "--expires-in", "4mo"]);
  expect(await key()).not.toBe(before);
  await eventually("the kubelet shows its new one", async () => (await served("w1", 10250)) !== kubelet);
  expect(await kubectl("w1", "get", "node", "w1", "-o", "name")).toBe("node/w1\n");
  expect(
    (await exec("w1", ["k8s", "refresh-certs", "--extra-sans", "kubernetes.default.svc"])).stderr,
  ).toContain("those of the cluster's record");
});

/** Of the daemon alone, which starts anew. */
async function setClockAhead(on: string, milliseconds: number): Promise<void> {
  const folder = "/etc/systemd/system/snap.k8s.k8sd.service.d";
  const setting = `[Service]\\nEnvironment=K8SD_CLOCK_AHEAD_MS=${milliseconds}\\n`;
  await shell(
    on,
    `mkdir -p ${folder}; printf '${setting}' >${folder}/clock.conf; systemctl daemon-reload; systemctl restart snap.k8s.k8sd`,
  );
}

test("a certificate past two thirds of its life is refreshed at the start of the daemon", async () => {
  await must("w1", ["k8s", "refresh-certs", "--certificates", "proxy.conf", "--expires-in", "10m"]);
  await must("c1", ["k8s", "refresh-certs", "--certificates", "scheduler.conf", "--expires-in", "10m"]);
  for (const [on, file] of [
    ["w1", "kube-proxy-client"],
    ["c1", "kube-scheduler-client"],
  ] as const) {
    const serial = () => shell(on, `openssl x509 -noout -serial -in /etc/kubernetes/pki/${file}.crt`);
    const before = await serial();
    const ahead = "/opt/k8s/current/bin/k8sd";
    expect(await shell(on, `test -x ${ahead} && echo there`)).toBe("there\n");
    await setClockAhead(on, 8 * 60_000);
    await eventually(`${file} is another one`, async () => (await serial()) !== before);
    await setClockAhead(on, 0);
  }
  await eventually("both are Ready", async () => (await readyNodes("c1")).join() === "c1,w1");
});

test.each([1, -1])("a worker joins a control plane whose clock is %d h ahead", async (hours) => {
  await setClockAhead("c1", hours * 3_600_000);
  await eventually("c1 answers", async () => (await exec("c1", ["k8s", "status"])).exitCode === 0);
  await must("c1", ["k8s", "remove-node", "w1"]);
  const token = (await must("c1", ["k8s", "get-join-token", "w1", "--worker"])).trim();
  await must("w1", ["k8s", "join-cluster", token]);
  await eventually("both are Ready", async () => (await readyNodes("c1")).join() === "c1,w1");
  await setClockAhead("c1", 0);
});

test("a pair that does not fit together is made good at the start of the daemon", async () => {
  await shell(
    "c1",
    "cp /etc/kubernetes/pki/kube-scheduler-client.key /etc/kubernetes/pki/kube-controller-manager-client.key; systemctl restart snap.k8s.k8sd",
  );
  await eventually("the pair fits", async () =>
    (
      await shell(
        "c1",
        `cd /etc/kubernetes/pki; [ "$(openssl x509 -in kube-controller-manager-client.crt -noout -pubkey)" = "$(openssl pkey -in kube-controller-manager-client.key -pubout)" ] && echo fits || true`,
      )
    ).includes("fits"),
  );
});

test("administrators are revoked: old kubeconfigs are worth nothing, new ones work", async () => {
  await shell("c1", "k8s config > /root/old.conf");
  const using = (file: string) =>
    exec("c1", ["/opt/k8s/current/bin/kubectl", "--kubeconfig", file, "get", "secrets", "-A"]);
  expect(await using("/root/old.conf")).toMatchObject({ exitCode: 0 });
  await must("c1", ["k8s", "revoke-admin"]);
  await eventually("the old one is refused", async () =>
    (await using("/root/old.conf")).stderr.includes("forbidden"),
  );
  await shell("c1", "k8s config > /root/new.conf");
  expect(await using("/root/new.conf")).toMatchObject({ exitCode: 0 });
  expect(await readyNodes("c1")).toEqual(["c1", "w1"]);
});
