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
    /successfully refreshed, and will expire at 2028-11-\d\d/,
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
    // The daemon alone lives eight minutes ahead.
    await shell(
      on,
      `mkdir -p /etc/systemd/system/snap.k8s.k8sd.service.d; printf '[Service]\nEnvironment=K8SD_CLOCK_AHEAD_MS=480000\n' >/etc/systemd/system/snap.k8s.k8sd.service.d/clock.conf; systemctl daemon-reload; systemctl restart snap.k8s.k8sd`,
    );
    await eventually(`${file} is another one`, async () => (await serial()) !== before);
    await shell(
      on,
      "rm -r /etc/systemd/system/snap.k8s.k8sd.service.d; systemctl daemon-reload; systemctl restart snap.k8s.k8sd",
    );
  }
  await eventually("both are Ready", async () => (await readyNodes("c1")).join() === "c1,w1");
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
