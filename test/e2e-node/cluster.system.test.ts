/**
 * The node package alone (no controller, no charm) on five machines, by the command k8s: three control planes and two
 * workers, used, hurt, taken apart and put back.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  boot,
  eventually,
  exec,
  kubectl,
  machines,
  must,
  node,
  readyNodes,
  shell,
} from "../../node/k8sd/test/machines.ts";

const PLANES = ["c1", "c2", "c3"] as const;
const WORKERS = ["w1", "w2"] as const;
const ALL = [...PLANES, ...WORKERS];
const IMAGE = "cantrip.local/coredns:1.14.7";

const token = async (via: string, name: string, ...more: string[]) =>
  (await must(via, ["k8s", "get-join-token", name, ...more])).trim();

async function join(name: string, via: string): Promise<void> {
  const isWorker = name.startsWith("w");
  await must(name, ["k8s", "join-cluster", await token(via, name, ...(isWorker ? ["--worker"] : []))]);
}

const untilReady = (via: string, names: readonly string[]) =>
  eventually(
    `${names.join(", ")} are Ready`,
    async () => (await readyNodes(via)).join() === [...names].sort().join(),
  );

interface EtcdMember {
  readonly name?: string;
  readonly isLearner?: boolean;
}

/** Names of etcd's voters, sorted, as a member says itself; a learner is marked. */
async function etcdMembers(on: string): Promise<string[]> {
  const pki = "/etc/kubernetes/pki";
  const flags = `--cacert=${pki}/etcd/ca.crt --cert=${pki}/k8sd-etcd-client.crt --key=${pki}/k8sd-etcd-client.key`;
  const text = await shell(
    on,
    `/opt/k8s/current/bin/etcdctl ${flags} --endpoints=https://127.0.0.1:2379 member list -w json`,
  );
  const { members } = JSON.parse(text) as { members: EtcdMember[] };
  return members.map(({ name = "?", isLearner }) => `${name}${isLearner ? " (learner)" : ""}`).sort();
}

/** What a node leaves on its machine that a new one could stumble over. */
const traces = (name: string) =>
  shell(
    name,
    `ls -d /etc/kubernetes /var/snap/k8s/common/args /var/snap/k8s/common/var/lib/etcd /etc/cni/net.d/* /run/netns/* /var/snap/k8s/common/lock/* /var/snap/k8s/common/var/lib/k8sd/state/certificates 2>/dev/null || true
     ls /etc/systemd/system/multi-user.target.wants | grep snap.k8s | grep -v k8sd || true
     ip route show proto 158; pgrep -x containerd-shim || true; nft list tables | grep -E 'kube-proxy|cantrip' || true`,
  );

const servicePort = "http://answer.default.svc.cluster.local/ready";
/** The service by its name: resolved by the cluster's DNS, reached through its address. */
const reachService = (from: string) =>
  shell(
    from,
    `ip=$(python3 - <<'P'
import socket, struct
name = "answer.default.svc.cluster.local"
q = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\\0" + struct.pack(">HH", 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.sendto(q, ("10.152.183.10", 53))
print(socket.inet_ntoa(s.recv(512)[-4:]))
P
)
     curl -sf --max-time 3 ${servicePort} --resolve answer.default.svc.cluster.local:80:$ip`,
  );

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  for (const name of ALL) await node(name);
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

test("one control plane is made, two more and two workers join at the same time", async () => {
  await must("c1", ["k8s", "bootstrap"]);
  await Promise.all(ALL.slice(1).map((name) => join(name, "c1")));
  await untilReady("c2", ALL);
  const versions = await kubectl(
    "c3",
    "get",
    "nodes",
    "-o",
    "jsonpath={.items[*].status.nodeInfo.kubeletVersion}",
  );
  const { components } = JSON.parse(await must("c1", ["k8s", "version", "--output-format", "json"])) as {
    components: Record<string, { version: string }>;
  };
  const pinned = `v${components["kubernetes"]!.version.replace(/^v/, "")}`;
  expect(new Set(versions.split(" "))).toEqual(new Set([pinned]));
  expect(await etcdMembers("c1")).toEqual([...PLANES]);
  for (const name of PLANES)
    expect(await must(name, ["k8s", "status"])).toMatch(
      /\(voter\).*\(voter\).*\(voter\)\nhigh availability: +yes/,
    );
});

test("control planes hold the same authorities, and nothing of them is in etcd", async () => {
  const sums = (name: string) =>
    shell(
      name,
      "cd /etc/kubernetes/pki && sha256sum ca.key client-ca.key front-proxy-ca.key etcd/ca.key serviceaccount.key",
    );
  expect(await sums("c2")).toBe(await sums("c1"));
  expect(await sums("c3")).toBe(await sums("c1"));
  const serving = (name: string) => shell(name, "sha256sum < /etc/kubernetes/pki/apiserver.key");
  expect(await serving("c2"), "a leaf's key is born where it lives").not.toBe(await serving("c1"));
  const inEtcd = await shell(
    "c1",
    "grep -ac 'PRIVATE KEY' /var/snap/k8s/common/var/lib/etcd/data/member/snap/db || true",
  );
  expect(inEtcd).toBe("0\n");
});

test("a deployment over the workers is reached through its service and its name from every node", async () => {
  await kubectl("c1", "create", "configmap", "answer", "--from-literal=Corefile=.:53 {\n ready\n}\n");
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "answer" },
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: "answer" } },
      template: {
        metadata: { labels: { app: "answer" } },
        spec: {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [
                  {
                    matchExpressions: [
                      { key: "node-role.kubernetes.io/control-plane", operator: "DoesNotExist" },
                    ],
                  },
                ],
              },
            },
          },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "kubernetes.io/hostname",
              whenUnsatisfiable: "DoNotSchedule",
              labelSelector: { matchLabels: { app: "answer" } },
              nodeAffinityPolicy: "Honor",
            },
          ],
          containers: [
            {
              name: "answer",
              image: IMAGE,
              imagePullPolicy: "Never",
              args: ["-conf", "/c/Corefile"],
              readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 1 },
              volumeMounts: [{ name: "c", mountPath: "/c" }],
            },
          ],
          volumes: [{ name: "c", configMap: { name: "answer" } }],
        },
      },
    },
  };
  await must("c1", ["k8s", "kubectl", "create", "-f", "-"], JSON.stringify(deployment));
  await kubectl("c1", "rollout", "status", "deployment/answer", "--timeout=120s");
  await kubectl("c1", "create", "service", "clusterip", "answer", "--tcp=80:8181");
  const places = await kubectl(
    "c1",
    "get",
    "pods",
    "-l",
    "app=answer",
    "-o",
    "jsonpath={.items[*].spec.nodeName}",
  );
  expect(new Set(places.split(" "))).toEqual(new Set(WORKERS));
  for (const from of ALL)
    await eventually(`the service is reached from ${from}`, async () => (await reachService(from)) === "OK");
});

test("logs, exec and port-forward work through every API server", async () => {
  const pods = (await kubectl("c1", "get", "pods", "-l", "app=answer", "-o", "name")).trim().split("\n");
  for (const via of PLANES) {
    expect(await kubectl(via, "logs", pods[0]!)).toContain("CoreDNS-");
    expect(await kubectl(via, "exec", pods.at(-1)!, "--", "/coredns", "-version")).toContain("CoreDNS-");
    const forwarded = await shell(
      via,
      `k8s kubectl port-forward ${pods[0]!} 18181:8181 >/tmp/forward 2>&1 & pid=$!
       for i in $(seq 50); do grep -q Forwarding /tmp/forward && break; sleep 0.1; done
       curl -sf --max-time 5 http://127.0.0.1:18181/ready; kill $pid`,
    );
    expect(forwarded).toBe("OK");
  }
});

test.each(PLANES)("with %s killed the API and joins go on", async (dead) => {
  const others = PLANES.filter((name) => name !== dead);
  const [via = "c1"] = others;
  const leaver = dead === "c2" ? "w2" : "w1";
  await must(via, ["k8s", "remove-node", leaver]);
  await machines.kill(dead);
  await eventually("the API writes again", async () => {
    await kubectl(via, "create", "configmap", `without-${dead}`, "--request-timeout=10s");
    return true;
  });
  await join(leaver, via);
  await eventually(`${leaver} is Ready`, async () => (await readyNodes(via)).includes(leaver));
  const other = WORKERS.find((name) => name !== leaver)!;
  await eventually("a worker still reaches the API", async () =>
    (await kubectl(other, "get", "node", other, "-o", "name", "--request-timeout=5s")).includes(other),
  );
  const refused = await exec(via, ["k8s", "remove-node", others[1]!]);
  expect(refused.stderr).toMatch(/Cannot remove .*; c\d does not answer/);
  await boot(dead);
  await untilReady(via, ALL);
});

test("a removed worker is gone, its living kubelet cannot come back, and the name joins again", async () => {
  // A machine that does not hear that it was removed: its daemon is stopped, its kubelet runs on.
  await shell("w2", "systemctl stop snap.k8s.k8sd");
  await must("c2", ["k8s", "remove-node", "w2", "--force"]);
  await shell("w2", "systemctl restart snap.k8s.kubelet");
  await eventually("its kubelet has been refused", async () =>
    (await shell("w2", "journalctl -u snap.k8s.kubelet --no-pager --since=-60s")).includes(
      "credential revoked",
    ),
  );
  expect(await kubectl("c1", "get", "nodes", "-o", "name")).not.toContain("w2");
  await shell("w2", "systemctl start snap.k8s.k8sd");
  await eventually("it has left by itself", async () =>
    (await exec("w2", ["k8s", "status"])).stderr.includes("not part of a Kubernetes cluster"),
  );
  expect(await traces("w2")).toBe("");
  await join("w2", "c3");
  await untilReady("c1", ALL);
});

test("a control plane that removes itself is gone, and the name joins again", async () => {
  await must("c2", ["k8s", "remove-node", "c2"]);
  expect(await etcdMembers("c1")).toEqual(["c1", "c3"]);
  await untilReady(
    "c1",
    ALL.filter((name) => name !== "c2"),
  );
  expect((await exec("c2", ["k8s", "status"])).stderr).toContain("not part of a Kubernetes cluster");
  expect(await traces("c2")).toBe("");
  await join("c2", "c3");
  await untilReady("c1", ALL);
  expect(await etcdMembers("c2")).toEqual([...PLANES]);
});

test("three control planes become one, and three again", async () => {
  await must("c1", ["k8s", "remove-node", "c3"]);
  await must("c2", ["k8s", "remove-node", "c1"]);
  expect(await etcdMembers("c2")).toEqual(["c2"]);
  await untilReady("c2", ["c2", ...WORKERS]);
  expect(await traces("c1")).toBe("");
  const refused = await exec("c2", ["k8s", "remove-node", "c2"]);
  expect(refused.stderr).toContain("it is the only control plane");
  await Promise.all([join("c1", "c2"), join("c3", "c2")]);
  await untilReady("c3", ALL);
  expect(await etcdMembers("c1")).toEqual([...PLANES]);
  for (const from of WORKERS)
    await eventually(`the service is reached from ${from}`, async () => (await reachService(from)) === "OK");
});
