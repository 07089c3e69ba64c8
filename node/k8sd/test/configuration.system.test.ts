/** Settings of a running cluster change on every node, on real machines. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, exec, kubectl, machines, must, node, readyNodes, shell } from "./machines.ts";

const NAMES = ["c1", "w1"];
const DNS_QUERY = `
import socket, struct, sys
server, name = sys.argv[1:]
query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\\0" + struct.pack(">HH", 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.sendto(query, (server, 53))
answer = s.recv(512); assert answer[3] & 15 == 0, answer[3]; print(socket.inet_ntoa(answer[-4:]))
`;
const resolves = async (from: string, server: string, name: string) =>
  (await must(from, ["python3", "-c", DNS_QUERY, server, name])).trim() === "10.152.183.1";
const toldKubelet = (name: string) => shell(name, "cat /var/snap/k8s/common/args/kubelet");
const statusOf = async (feature: string) =>
  (await must("c1", ["k8s", "status"])).split("\n").find((line) => line.startsWith(`${feature}:`));

const everyKubelet = (what: string, holds: (args: string) => boolean) =>
  eventually(what, async () => {
    for (const name of NAMES) {
      if (!holds(await toldKubelet(name))) return false;
      // What the file says is what runs.
      await eventually(`${name}'s kubelet runs with it`, async () =>
        holds(
          (await shell(name, "tr '\\0' '\\n' </proc/$(pgrep -x kubelet)/cmdline")).replaceAll("\0", "\n"),
        ),
      );
    }
    return true;
  });

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  for (const name of NAMES) await node(name);
  await must("c1", ["k8s", "bootstrap"]);
  const token = (await must("c1", ["k8s", "get-join-token", "w1", "--worker"])).trim();
  await must("w1", ["k8s", "join-cluster", token]);
  await eventually("both are Ready", async () => (await readyNodes("c1")).join() === "c1,w1");
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

test("a drop-in that an operator has added counts at the next start of its service, told or not", async () => {
  const folder = "/etc/systemd/system/snap.k8s.kubelet.service.d";
  await shell("w1", `mkdir ${folder}; printf '[Service]\\nEnvironment=MINE=yes\\n' >${folder}/10-mine.conf`);
  await must("c1", ["k8s", "set", "dns.cluster-domain=mine.example"]);
  await everyKubelet("kubelets are told", (args) => args.includes("--cluster-domain=mine.example\n"));
  // The argument file is there before the service starts anew with it.
  await eventually("the kubelet has started anew, with the drop-in", async () =>
    (await shell("w1", "tr '\\0' '\\n' </proc/$(pgrep -x kubelet)/environ")).includes("MINE=yes\n"),
  );
});

test("another domain is known to kubelets, to DNS and to the API server's certificate, also if that cannot be written at once", async () => {
  const pki = "/etc/kubernetes/pki";
  await shell("c1", `mount --bind ${pki} ${pki}; mount -o remount,bind,ro ${pki}`);
  await must("c1", ["k8s", "set", "dns.cluster-domain=other.example"]);
  await everyKubelet("kubelets are told", (args) => args.includes("--cluster-domain=other.example\n"));
  await eventually("c1 says that it is not done", async () =>
    (await shell("c1", "journalctl --unit=snap.k8s.k8sd")).includes(
      "settings could not be taken: Cannot write",
    ),
  );
  await shell("c1", `umount ${pki}; systemctl kill --signal=SIGKILL snap.k8s.k8sd`);
  await eventually("DNS answers for it", () =>
    resolves("w1", "10.152.183.10", "kubernetes.default.svc.other.example"),
  );
  await eventually("the certificate names it", async () =>
    (
      await kubectl("c1", "--tls-server-name=kubernetes.default.svc.other.example", "get", "--raw", "/readyz")
    ).includes("ok"),
  );
  expect(await must("c1", ["k8s", "get", "dns.cluster-domain"])).toBe("other.example\n");
});

test("the address of DNS changes while it is disabled, not while it serves", async () => {
  const refused = await exec("c1", ["k8s", "set", "dns.service-ip=10.152.183.53"]);
  expect(refused.stderr).toContain("value cannot change while dns is enabled");
  await must("c1", ["k8s", "disable", "dns"]);
  await must("c1", ["k8s", "set", "dns.service-ip=10.152.183.53"]);
  await must("c1", ["k8s", "enable", "dns"]);
  await everyKubelet("kubelets are told", (args) => args.includes("--cluster-dns=10.152.183.53\n"));
  await eventually("DNS answers there", () =>
    resolves("w1", "10.152.183.53", "kubernetes.default.svc.other.example"),
  );
  await eventually("the status says so", async () =>
    (await statusOf("dns"))!.includes("enabled at 10.152.183.53"),
  );
});

test("a DNS that others run is named, and left alone", async () => {
  await must("c1", ["k8s", "disable", "dns"]);
  await eventually(
    "ours is gone",
    async () =>
      !(await kubectl("c1", "-n", "kube-system", "get", "all,pdb", "-o", "name")).includes("coredns"),
  );
  await kubectl(
    "c1",
    "-n",
    "kube-system",
    "create",
    "deployment",
    "coredns",
    "--image=cantrip.local/coredns:1.14.7",
    "--replicas=0",
  );
  await kubectl(
    "c1",
    "-n",
    "kube-system",
    "create",
    "configmap",
    "coredns",
    "--from-literal=Corefile=theirs",
  );
  await must("c1", ["k8s", "enable", "dns"]);
  await eventually("it is named", async () =>
    (await statusOf("dns"))!.includes(
      "another DNS has ConfigMap kube-system/coredns, Deployment kube-system/coredns",
    ),
  );
  await kubectl("c1", "-n", "kube-system", "delete", "deployment", "coredns");
  await must("c1", ["k8s", "disable", "dns"]);
  await eventually("dns is off", async () => (await statusOf("dns"))!.includes("disabled"));
  const corefile = ["get", "configmap", "coredns", "-o", "jsonpath={.data.Corefile}"];
  expect(await kubectl("c1", "-n", "kube-system", ...corefile)).toBe("theirs");
  await kubectl("c1", "-n", "kube-system", "delete", "configmap", "coredns");
  await must("c1", ["k8s", "enable", "dns"]);
  await eventually("ours serves again", async () => (await statusOf("dns"))!.includes("enabled at"));
  const allowed = "jsonpath={.status.disruptionsAllowed}";
  await eventually(
    "its pods may be moved one at a time",
    async () => (await kubectl("c1", "-n", "kube-system", "get", "pdb", "coredns", "-o", allowed)) === "1",
  );
});

test("a cloud provider comes and goes", async () => {
  await must("c1", ["k8s", "set", "cloud-provider=external"]);
  await everyKubelet("kubelets are told", (args) => args.includes("--cloud-provider=external\n"));
  await eventually("the controller-manager is told", async () =>
    (await shell("c1", "tr '\\0' '\\n' </proc/$(pgrep -x kube-controller)/cmdline")).includes(
      "--cloud-provider=external",
    ),
  );
  await must("c1", ["k8s", "set", "cloud-provider="]);
  await everyKubelet("kubelets are told", (args) => !args.includes("--cloud-provider"));
  await eventually("both are Ready", async () => (await readyNodes("c1")).join() === "c1,w1");
});

test("the network is disabled, for another one to take its place, and enabled again", async () => {
  await must("c1", ["k8s", "disable", "network"]);
  for (const name of NAMES)
    await eventually(`nothing of it is left on ${name}`, async () => {
      const left = await shell(
        name,
        "ls /etc/cni/net.d; ip -4 route show proto 158; nft list tables | grep cantrip || true",
      );
      if (left !== "") throw new Error(left);
      return true;
    });
  expect(await statusOf("network")).toMatch(/disabled$/);
  // Another network mostly wants kube-proxy; who replaces it says so.
  expect(await shell("w1", "systemctl is-active snap.k8s.kube-proxy")).toBe("active\n");
  await must("c1", ["k8s", "set", "network.kube-proxy-enabled=false"]);
  for (const name of NAMES)
    await eventually(
      `kube-proxy and its rules are gone on ${name}`,
      async () =>
        (await shell(
          name,
          "systemctl is-active snap.k8s.kube-proxy || true; nft list tables | grep kube-proxy || true",
        )) === "inactive\n",
    );
  await must("c1", ["k8s", "enable", "network"]);
  await eventually("the network works", async () => (await statusOf("network"))!.includes("enabled"));
  await eventually("both are Ready", async () => (await readyNodes("c1")).join() === "c1,w1");
  await eventually("services work again", () =>
    resolves("w1", "10.152.183.53", "kubernetes.default.svc.other.example"),
  );
});

test("a node that was away takes what has changed meanwhile", async () => {
  await shell("w1", "systemctl stop snap.k8s.k8sd");
  await must("c1", ["k8s", "set", "dns.cluster-domain=third.example"]);
  await shell("w1", "systemctl start snap.k8s.k8sd");
  await everyKubelet("kubelets are told", (args) => args.includes("--cluster-domain=third.example\n"));
});
