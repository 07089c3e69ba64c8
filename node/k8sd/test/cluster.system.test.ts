/** A cluster on real machines, by the command k8s alone: from nothing to several nodes and back. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { boot, eventually, exec, kubectl, machines, must, node, readyNodes, shell } from "./machines.ts";

const DNS_QUERY = `
import socket, struct, sys
server, name = sys.argv[1:]
query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\\0" + struct.pack(">HH", 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.sendto(query, (server, 53))
answer = s.recv(512); assert answer[3] & 15 == 0, answer[3]; print(socket.inet_ntoa(answer[-4:]))
`;

/** A name asked of the DNS service from a machine. */
const resolve = (from: string, name: string) =>
  must(from, ["python3", "-c", DNS_QUERY, "10.152.183.10", name]).then((text) => text.trim());

/** A pod that answers on port 8181 with 200, pinned to a node; the image of the node package is all there is. */
const pod = (name: string, on: string) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "answer" } },
    spec: {
      nodeName: on,
      securityContext: { seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "dns",
          image: "cantrip.local/coredns:1.14.7",
          imagePullPolicy: "Never",
          args: ["-conf", "/c/Corefile"],
          volumeMounts: [{ name: "c", mountPath: "/c" }],
        },
      ],
      volumes: [{ name: "c", configMap: { name: "answer" } }],
    },
  });

/** Until the unit ct-holder is stopped. */
async function hold(name: string, ...ports: number[]): Promise<void> {
  const holder = `import socket, time; held = [socket.create_server(("", port)) for port in (${ports.join()},)]; time.sleep(600)`;
  await shell(name, `systemd-run --quiet --collect --unit=ct-holder python3 -c '${holder}'`);
  for (const port of ports)
    await eventually(`port ${port} is held`, async () =>
      (await shell(name, "ss -Hltn")).includes(`:${port} `),
    );
}

const args = "/var/snap/k8s/common/args";

/** Of the worker w1: used up once it has joined. */
let usedToken = "";
let controlPlane = "";

const hardKill = "kill -9 $(systemctl show --property=MainPID --value snap.k8s.k8sd.service)";

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  controlPlane = await node("c1");
  await node("w1");
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

test("a machine of no cluster says so, and only that", async () => {
  const status = await exec("c1", ["k8s", "status"]);
  expect(status).toMatchObject({ exitCode: 1, stdout: "" });
  expect(status.stderr).toContain("The node is not part of a Kubernetes cluster");
  const answer = await shell(
    "c1",
    "curl -s --unix-socket /var/snap/k8s/common/var/lib/k8sd/state/control.socket http://x/1.0/k8sd/cluster",
  );
  expect(JSON.parse(answer)).toEqual({
    type: "error",
    status: "",
    status_code: 0,
    operation: "",
    error_code: 503,
    error: "daemon not yet initialized",
    metadata: null,
  });
});

test("a configuration that cannot work changes nothing", async () => {
  const result = await machines.exec("c1", ["k8s", "bootstrap", "--file", "-"], {
    stdin: "pod-cidr: 10.1.0.0/33\ndatastore-type: external\n",
    timeoutMs: 60_000,
  });
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toContain("pod-cidr");
  expect(result.stderr).toContain("no datastore servers were set");
  expect(await shell("c1", "ls /etc/kubernetes 2>/dev/null | wc -l")).toBe("0\n");
});

test("everything on the machine that is in the way is named at once, and nothing is changed", async () => {
  await shell("c1", "mkdir -p /etc/kubernetes /snap/microk8s/current && touch /etc/kubernetes/admin.conf");
  await hold("c1", 2379, 10250);
  const { exitCode, stderr } = await exec("c1", ["k8s", "bootstrap"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("port 2379 (needed by: etcd) is already in use");
  expect(stderr).toContain("port 10250 (needed by: kubelet) is already in use");
  expect(stderr).toContain("/etc/kubernetes/admin.conf belongs to another Kubernetes on this machine");
  expect(stderr).toContain("microk8s snap is installed");
  expect(await shell("c1", "ls /etc/kubernetes /var/snap/k8s/common")).not.toMatch(/pki|args/);
  await shell("c1", "systemctl stop ct-holder; rm -r /etc/kubernetes /snap");
});

test("a bootstrap that fails and cannot be undone says both, and the next one tidies up first", async () => {
  await shell("c1", `mkdir -p ${args}/held && mount -t tmpfs none ${args}/held`);
  const { exitCode, stderr } = await exec("c1", ["k8s", "bootstrap", "--timeout", "1s"]);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/while .*; and it could not be undone: .*EBUSY/s);
  expect((await exec("c1", ["k8s", "status"])).stderr).toContain("could not leave its cluster completely");
  const before = await exec("c1", ["k8s", "bootstrap"]);
  expect(before.stderr).toMatch(/Cannot leave the cluster completely: .*EBUSY/);
});

test("a snapshot is not restored where a leave is incomplete: that leave would take it along", async () => {
  const state = "/var/snap/k8s/common/var/lib";
  await shell("c1", `mkdir -p ${state}/etcd/recovery; echo {} >${state}/etcd/recovery/document.json`);
  const ask = "--unix-socket k8sd/state/control.socket http://x/1.0/x/cantrip/restore";
  const body = JSON.stringify({ name: "c1", address: controlPlane });
  const answer = await shell(
    "c1",
    `cd ${state}; curl -s ${ask} -H 'content-type: application/json' -d '${body}'`,
  );
  expect(answer).toContain("could not leave its cluster completely");
  expect(await shell("c1", `ls ${state}/etcd/recovery`)).toBe("document.json\n");
  const { stderr } = await exec("c1", ["k8s", "snapshot", "restore", "/root/none"]);
  expect(stderr).toContain("is, or may be, part of a cluster");
  await shell("c1", `umount ${args}/held`);
});

test("bootstrap survives kill -9 of the daemon in its middle", async () => {
  const bootstrap = exec("c1", ["k8s", "bootstrap"]);
  await eventually(
    "etcd was started",
    async () => (await exec("c1", ["systemctl", "is-active", "--quiet", "snap.k8s.etcd"])).exitCode === 0,
  );
  await shell("c1", hardKill);
  expect((await bootstrap).exitCode).toBe(1);
  await eventually("the node is Ready", async () => (await readyNodes("c1")).join() === "c1");
  await must("c1", ["k8s", "status", "--wait-ready", "--timeout", "120s"]);
});

test("a second bootstrap is refused", async () => {
  const again = await exec("c1", ["k8s", "bootstrap"]);
  expect(again).toMatchObject({ exitCode: 1 });
  expect(again.stderr).toContain("The node is already part of a cluster");
});

test("a join names the ports that are held, also those that the cluster chose, and leaves nothing", async () => {
  const token = (await must("c1", ["k8s", "get-join-token", "w1", "--worker"])).trim();
  const refusal = async (port: number) => {
    await hold("w1", port);
    const { exitCode, stderr } = await exec("w1", ["k8s", "join-cluster", token]);
    await shell("w1", "systemctl stop ct-holder");
    expect(exitCode).toBe(1);
    return stderr;
  };
  expect(await refusal(10256)).toContain("port 10256 (needed by: kube-proxy) is already in use");
  expect(await refusal(6443)).toContain("port 6443 (needed by: k8s-apiserver-proxy) is already in use");
  expect(await shell("w1", "ls /etc/kubernetes 2>/dev/null | wc -l")).toBe("0\n");
  expect(await kubectl("c1", "get", "nodes", "-o", "name")).toBe("node/c1\n");
});

test("a worker joins with its token and becomes Ready", async () => {
  const token = (await must("c1", ["k8s", "get-join-token", "w1", "--worker"])).trim();
  expect(
    (await must("c1", ["k8s", "get-join-token", "w1", "--worker"])).trim(),
    "asked again, the same token",
  ).toBe(token);
  await must("w1", ["k8s", "join-cluster", token]);
  usedToken = token;
  await eventually("both nodes are Ready", async () => (await readyNodes("c1")).join() === "c1,w1");
  await must("w1", ["k8s", "join-cluster", token]);
  const other = (await must("c1", ["k8s", "get-join-token", "other", "--worker"])).trim();
  const refused = await exec("w1", ["k8s", "join-cluster", other]);
  expect(refused.stderr).toContain("The node is already part of a cluster");
});

test("no private key of a worker has been on the control plane", async () => {
  const keys = await shell("w1", "sha256sum /etc/kubernetes/pki/*.key | cut -d' ' -f1");
  const found = await shell(
    "c1",
    "find /etc/kubernetes /var/snap/k8s -name '*.key' -type f | xargs sha256sum | cut -d' ' -f1",
  );
  expect(
    keys
      .trim()
      .split("\n")
      .filter((key) => found.includes(key)),
  ).toEqual([]);
  expect(await shell("w1", "find /etc/kubernetes /var/snap/k8s -type f -name '*ca.key' | wc -l")).toBe("0\n");
});

test("pods on both nodes are reached by their service and its name, with RuntimeDefault", async () => {
  await kubectl("c1", "create", "configmap", "answer", "--from-literal=Corefile=.:53 {\n ready\n}\n");
  for (const [name, on] of [
    ["a", "c1"],
    ["b", "w1"],
  ] as const)
    await must("c1", ["k8s", "kubectl", "create", "-f", "-"], pod(name, on));
  await kubectl("c1", "wait", "--for=condition=Ready", "pod/a", "pod/b", "--timeout=60s");
  await kubectl("c1", "create", "service", "clusterip", "answer", "--tcp=80:8181");
  for (const from of ["c1", "w1"]) {
    await eventually(`the service's name is answered on ${from}`, async () =>
      (await resolve(from, "answer.default.svc.cluster.local")).startsWith("10.152.183."),
    );
    const ip = await resolve(from, "answer.default.svc.cluster.local");
    await eventually(`the service is reached from ${from}`, async () =>
      (
        await shell(from, `for i in 1 2 3 4 5 6 7 8; do curl -sf --max-time 2 http://${ip}/ready; done`)
      ).includes("OK"),
    );
    for (const name of ["a", "b"]) {
      const podIp = await kubectl("c1", "get", "pod", name, "-o", "jsonpath={.status.podIP}");
      expect(await shell(from, `curl -sf --max-time 3 http://${podIp}:8181/ready`)).toBe("OK");
    }
  }
});

test("logs and exec work on both nodes", async () => {
  for (const name of ["a", "b"]) {
    expect(await kubectl("c1", "logs", name)).toContain("CoreDNS-1.14.7");
    expect(await kubectl("c1", "exec", name, "--", "/coredns", "-version")).toContain("CoreDNS-1.14.7");
  }
});

test("a pod reaches the outside with its node's address", async () => {
  const pid = (await shell("w1", "pgrep -nf '^/coredns -conf /c/Corefile'")).trim();
  const outside = (await shell("w1", "ip -4 route show default")).split(" ")[2]!;
  // The bridge's own address is outside of the cluster: no Node has it.
  const ping = `nsenter -t ${pid} -n ping -c 2 -W 2 ${outside}`;
  const seen = await shell("w1", `${ping}; conntrack -L -p icmp 2>/dev/null | grep dst=${outside}`);
  const address = (await machines.get("w1"))!.address;
  expect(seen).toMatch(new RegExp(`src=10\\.1\\.\\d+\\.\\d+ dst=${outside}.*src=${outside} dst=${address}`));
});

test("the images of the package are pinned", async () => {
  const images = await shell("w1", "/opt/k8s/current/bin/ctr -n k8s.io images ls | grep cantrip.local");
  for (const line of images.trim().split("\n")) expect(line).toContain("io.cri-containerd.pinned=pinned");
});

test("a worker's token shows what a worker has to know, and no keys; it is not used up by that", async () => {
  const token = (await must("c1", ["k8s", "get-join-token", "w9", "--worker"])).trim();
  const { secret } = JSON.parse(Buffer.from(token, "base64").toString()) as { secret: string };
  const ask = async (name: string, worth: string, address = "10.0.0.9") =>
    JSON.parse(
      await shell(
        "w1",
        `curl -sk https://${controlPlane}:6400/1.0/k8sd/worker/info -H 'Worker-Name: ${name}' -H 'Worker-Token: ${worth}' -d '{"address":"${address}"}'`,
      ),
    ) as { error_code: number; error: string; metadata: Record<string, unknown> };
  const known = await ask("w9", secret);
  expect(known.metadata).toMatchObject({
    apiServers: [`${controlPlane}:6443`],
    podCIDR: "10.1.0.0/16",
    serviceCIDR: "10.152.183.0/24",
    clusterDomain: "cluster.local",
    kubeletClientKey: "",
  });
  expect(known.metadata["ca"]).toContain("BEGIN CERTIFICATE");
  expect(JSON.stringify(known)).not.toContain("PRIVATE KEY");
  expect((await ask("w9", secret)).error_code, "asking uses nothing up").toBe(0);
  expect(await ask("w8", secret)).toMatchObject({ error_code: 401, error: "invalid token" });
  expect(await ask("w9", `worker::${"0".repeat(40)}`)).toMatchObject({ error_code: 401 });
  expect(await ask("w9", "")).toMatchObject({ error: 'missing header "Worker-Token"' });
  expect(await ask("w9", secret, "nowhere")).toMatchObject({ error_code: 400 });
  await must("c1", ["k8s", "remove-node", "w9"]);
  expect(await ask("w9", secret)).toMatchObject({ error_code: 401 });
});

test("wrong tokens are refused, and leave nothing", async () => {
  await node("w2");
  const expired = (
    await must("c1", ["k8s", "get-join-token", "w2", "--worker", "--expires-in", "1s"])
  ).trim();
  const token = (await must("c1", ["k8s", "get-join-token", "other", "--worker"])).trim();
  const foreign = JSON.parse(Buffer.from(token, "base64").toString()) as Record<string, unknown>;
  const encode = (fields: object) =>
    Buffer.from(JSON.stringify({ ...foreign, ...fields })).toString("base64");
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const cases = [
    ["expired", expired, "invalid token"],
    ["used before", usedToken, "invalid token", "w1"],
    ["of another name", token, "invalid token"],
    ["forged", encode({ secret: `worker::${"0".repeat(40)}` }), "invalid token"],
    ["of another authority", encode({ fingerprint: "0".repeat(64) }), "does not show the certificate"],
    ["of another kind", encode({ kind: undefined }), "another kind of k8sd"],
    ["no token", "nonsense", "Cannot read the join token"],
  ] as const;
  for (const [what, text, reason, name = "w2"] of cases) {
    const result = await exec("w2", ["k8s", "join-cluster", text, "--name", name]);
    expect(result, what).toMatchObject({ exitCode: 1 });
    expect(result.stderr, what).toContain(reason);
    expect((await exec("w2", ["k8s", "status"])).stderr).toContain("not part of a Kubernetes cluster");
  }
  expect(await shell("w2", "ls /etc/kubernetes /var/snap/k8s/common/args 2>/dev/null | wc -l")).toBe("0\n");
});

test("a join survives kill -9 of the daemon in its middle", async () => {
  const token = (await must("c1", ["k8s", "get-join-token", "w2", "--worker"])).trim();
  const joining = exec("w2", ["k8s", "join-cluster", token]);
  await eventually(
    "the join has begun",
    async () => (await exec("w2", ["test", "-e", "/var/snap/k8s/common/args/kubelet"])).exitCode === 0,
  );
  await shell("w2", hardKill);
  await joining;
  await eventually("three nodes are Ready", async () => (await readyNodes("c1")).join() === "c1,w1,w2");
  await eventually("the join is done", async () =>
    (await shell("w2", "k8s local-node-status --output-format json")).includes('"worker"'),
  );
});

test("machines that were switched off come back by themselves", async () => {
  for (const name of ["c1", "w1"]) {
    await machines.kill(name);
    await boot(name);
  }
  await eventually("all nodes are Ready", async () => (await readyNodes("c1")).join() === "c1,w1,w2");
  await eventually(
    "DNS answers",
    async () => (await resolve("w1", "kubernetes.default.svc.cluster.local")) === "10.152.183.1",
  );
  await eventually("a pod on the other node answers", async () => {
    const ip = await kubectl("c1", "get", "pod", "b", "-o", "jsonpath={.status.podIP}");
    return (await shell("c1", `curl -sf --max-time 3 http://${ip}:8181/ready`)) === "OK";
  });
});

test("a removed worker is gone on both sides and joins again", async () => {
  // What a cluster of someone else in containers of the machine looks like from outside.
  await shell(
    "w2",
    "systemd-run --quiet --unit=ct-kind python3 -c 'import time; time.sleep(3600)' containerd-shim-runc-v2 -namespace k8s.io -id x",
  );
  await must("c1", ["k8s", "remove-node", "w2"]);
  expect(await readyNodes("c1")).toEqual(["c1", "w1"]);
  expect((await exec("w2", ["k8s", "status"])).stderr).toContain("not part of a Kubernetes cluster");
  const left = await shell(
    "w2",
    "ls -d /etc/kubernetes /var/snap/k8s/common/args /etc/cni/net.d/* /run/netns/* 2>/dev/null || true; ip route show proto 158; pgrep -x containerd-shim || true; nft list tables | grep -E 'kube-proxy|cantrip' || true; mount | grep -E '/var/lib/kubelet/|/run/containerd/' || true",
  );
  expect(left).toBe("");
  expect(
    await shell(
      "w2",
      "find /var/lib/containerd /var/lib/kubelet /run/containerd -mindepth 1 2>/dev/null || true; ls /var/snap/k8s/common/lock; iptables-save | grep KUBE || true",
    ),
  ).toBe("");
  expect(await must("w2", ["systemctl", "is-active", "ct-kind"])).toBe("active\n");
  const token = (await must("c1", ["k8s", "get-join-token", "w2", "--worker"])).trim();
  await must("w2", ["k8s", "join-cluster", token]);
  await eventually("it is Ready again", async () => (await readyNodes("c1")).join() === "c1,w1,w2");
});

test("a worker that was removed while it was away cannot come back by itself", async () => {
  await machines.kill("w2");
  await must("c1", ["k8s", "remove-node", "w2", "--force"]);
  await boot("w2");
  // Its daemon may hear of the removal before its kubelet is refused; test/e2e-node has one that never hears.
  await eventually("it has left by itself", async () => {
    expect(await kubectl("c1", "get", "nodes", "-o", "name")).not.toContain("w2");
    return (await exec("w2", ["k8s", "status"])).stderr.includes("not part of a Kubernetes cluster");
  });
});

test("a worker tells about itself", async () => {
  expect(await must("w1", ["k8s", "status"])).toMatch(
    /w1 \(worker\) at 10\.78\.\d+\.\d+\nservices: +all active/,
  );
  expect(await must("w1", ["k8s", "kubectl", "get", "node", "w1", "-o", "name"])).toBe("node/w1\n");
});

test("argument files are data: nothing in them is expanded", async () => {
  const file = "/var/snap/k8s/common/args/probe";
  const tree = "$(readlink -f /opt/k8s/current)";
  const lines = ["# comment", "--a=$(id)", '--b="two words"', "--c *", "--d", "--e=`id`;'x'", "junk"];
  await must("w1", ["tee", file], `${lines.join("\n")}\n`);
  await shell(
    "w1",
    `mkdir -p /tmp/t/bin /tmp/t/units; cp ${tree}/units/run-service /tmp/t/units/; printf '#!/bin/sh\nprintf "[%%s]" "$@"' >/tmp/t/bin/probe; chmod +x /tmp/t/bin/probe`,
  );
  expect(await must("w1", ["/tmp/t/units/run-service", "probe"])).toBe(
    "[--a=$(id)][--b=two words][--c=*][--d][--e=`id`;'x']",
  );
  await shell("w1", `rm -r /tmp/t ${file}`);
});

test("every certificate's expiry is shown", async () => {
  expect(await must("c1", ["k8s", "certs-status"])).toMatch(
    /^CERTIFICATE +EXPIRES[\s\S]*apiserver +[A-Z][a-z]{2} \d\d, 20\d\d[\s\S]*CERTIFICATE AUTHORITY[\s\S]*kubernetes-ca-client/,
  );
  expect(await must("w1", ["k8s", "certs-status"])).toMatch(/kubelet .*no/);
});

test("the configuration is read and changed by its keys, and wrong ones are named", async () => {
  expect(await must("c1", ["k8s", "get", "dns.service-ip"])).toBe("10.152.183.10\n");
  await must("c1", ["k8s", "set", "dns.upstream-nameservers=10.78.3.1", "annotations=a=b"]);
  await eventually("CoreDNS has the new upstream", async () =>
    (
      await kubectl("c1", "-n", "kube-system", "get", "configmap", "coredns", "-o", "jsonpath={.data}")
    ).includes("forward . 10.78.3.1"),
  );
  await must("c1", ["k8s", "enable", "gateway"]);
  expect(await must("c1", ["k8s", "status"])).toMatch(/gateway: +not available in this version/);
  for (const wrong of ["dns.nope=1", "dns.cluster-domain=not_a_name", "dns.upstream-nameservers=x;y"])
    expect(await exec("c1", ["k8s", "set", wrong]), wrong).toMatchObject({ exitCode: 1 });
});

test("removing what never joined is no error, and its token is worth nothing", async () => {
  await must("c1", ["k8s", "get-join-token", "never", "--worker"]);
  await must("c1", ["k8s", "remove-node", "never"]);
});

test("the status says what is wrong while etcd is away", async () => {
  await shell("c1", "systemctl stop snap.k8s.etcd");
  const status = await exec("c1", ["k8s", "status"]);
  expect(`${status.stdout}${status.stderr}`).toMatch(/not ready|unknown/);
  expect(status.stderr).not.toContain("not part of a Kubernetes cluster");
  await shell("c1", "systemctl start snap.k8s.etcd");
  await must("c1", ["k8s", "status", "--wait-ready", "--timeout", "120s"]);
});
