/** Nodes on two links with a router between them that knows no pod: every pod, service and name is reached all the same. */
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  eventually,
  exec,
  farMachines,
  kubectl,
  machines,
  must,
  node,
  readyNodes,
  shell,
} from "../../node/k8sd/test/machines.ts";

const NEAR = ["c1", "w1"];
const FAR = ["f1", "f2"];
const ALL = [...NEAR, ...FAR];
const TABLE = "cantrip-e2e-links";

/** As a router between links does: packets between them keep their addresses. What leaves the host is still translated. */
function route(subnets: readonly [string, string]): void {
  const [one, other] = subnets;
  const rules = `table ip ${TABLE}
delete table ip ${TABLE}
table ip ${TABLE} {
  chain prerouting {
    type filter hook prerouting priority raw;
    ip saddr ${one} ip daddr ${other} notrack
    ip saddr ${other} ip daddr ${one} notrack
  }
}
`;
  const { status, stderr } = spawnSync("nft", ["-f", "-"], { input: rules, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

const subnetOf = (address: string) => address.replace(/\d+$/, "0/24");

beforeAll(async () => {
  for (const place of [machines, farMachines]) {
    await place.cleanup();
    await place.prepare();
  }
  for (const name of NEAR) await node(name);
  for (const name of FAR) await node(name, farMachines);
  route([subnetOf((await machines.get("c1"))!.address), subnetOf((await farMachines.get("f1"))!.address)]);
  await must("c1", ["k8s", "bootstrap"]);
  for (const name of ALL.slice(1)) {
    const token = (await must("c1", ["k8s", "get-join-token", name, "--worker"])).trim();
    await must(name, ["k8s", "join-cluster", token]);
  }
  await eventually("all are Ready", async () => (await readyNodes("c1")).join() === [...ALL].sort().join());
});

afterAll(async () => {
  spawnSync("nft", ["delete", "table", "ip", TABLE]);
  for (const place of [machines, farMachines]) {
    await place.cleanup();
    await place.restore();
  }
});

const pod = (name: string) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `on-${name}`, labels: { app: "answer" } },
    spec: {
      nodeName: name,
      containers: [
        {
          name: "answer",
          image: "cantrip.local/coredns:1.14.7",
          imagePullPolicy: "Never",
          args: ["-conf", "/c/Corefile"],
          readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 1 },
          volumeMounts: [{ name: "c", mountPath: "/c" }],
        },
      ],
      volumes: [{ name: "c", configMap: { name: "answer" } }],
    },
  });

const ips = new Map<string, string>();

test("pods of every node are reached from every node and from every pod", async () => {
  await kubectl("c1", "create", "configmap", "answer", "--from-literal=Corefile=.:53 {\n ready\n}\n");
  for (const name of ALL) await must("c1", ["k8s", "kubectl", "create", "-f", "-"], pod(name));
  await kubectl("c1", "wait", "--for=condition=Ready", "pod", "-l", "app=answer", "--timeout=120s");
  for (const name of ALL)
    ips.set(name, await kubectl("c1", "get", "pod", `on-${name}`, "-o", "jsonpath={.status.podIP}"));
  for (const from of ALL)
    for (const [to, ip] of ips) {
      await eventually(
        `${from} reaches the pod on ${to}`,
        async () => (await shell(from, `curl -sf --max-time 3 http://${ip}:8181/ready`)) === "OK",
      );
      await eventually(
        `the pod on ${from} reaches the pod on ${to}`,
        async () => (await inPod(from, `curl -sf --max-time 3 http://${ip}:8181/ready`)) === "OK",
      );
    }
});

/** A command of the machine in the network namespace of its pod. */
async function inPod(on: string, command: string): Promise<string> {
  const ip = ips.get(on)!;
  return shell(
    on,
    `for n in $(ls /run/netns); do ip netns exec $n ip -4 -o address | grep -q '${ip}/' && exec ip netns exec $n ${command}; done; exit 1`,
  );
}

test("a pod keeps its address towards pods of the other link, and takes its node's towards nodes there", async () => {
  const seen = async (from: string, target: string, on: string, port: number) => {
    await shell(
      on,
      `python3 - <<'P' >/tmp/seen 2>&1 &
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", ${port})); s.listen(); s.settimeout(20)
print(s.accept()[1][0], flush=True)
P
for i in $(seq 50); do ss -ltn | grep -q ':${port} ' && break; sleep 0.1; done`,
    );
    await inPod(from, `python3 -c 'import socket; socket.create_connection(("${target}", ${port}), 5)'`);
    await eventually("the connection was seen", async () => (await shell(on, "cat /tmp/seen")) !== "");
    return (await shell(on, "cat /tmp/seen")).trim();
  };
  const address = async (name: string) =>
    ((await machines.get(name)) ?? (await farMachines.get(name)))!.address;
  expect(await seen("w1", await address("f1"), "f1", 7001)).toBe(await address("w1"));
  expect(await seen("w1", await address("c1"), "c1", 7002), "on its own link").toBe(ips.get("w1"));
});

test("large packets pass between the links, and none is larger than the way allows", async () => {
  const ip = ips.get("f1")!;
  const way = await shell("w1", `ip route get ${ip}`);
  expect(way).toContain("dev cantrip-vxlan");
  expect(await shell("f2", `ip route get ${ip}`), "on one link there is no tunnel").not.toContain(
    "cantrip-vxlan",
  );
  // Less the tunnel, less the heads of IP and ICMP.
  const largest = Number(await shell("w1", "cat /sys/class/net/host0/mtu")) - 50 - 28;
  await inPod("w1", `ping -c 2 -W 2 -M do -s ${largest} ${ip}`);
  await expect(inPod("w1", `ping -c 1 -W 2 -M do -s ${largest + 1} ${ip}`)).rejects.toThrow("too long");
});

test("services and names work on both links", async () => {
  await kubectl("c1", "create", "service", "clusterip", "answer", "--tcp=80:8181");
  const ip = await kubectl("c1", "get", "service", "answer", "-o", "jsonpath={.spec.clusterIP}");
  for (const from of ALL)
    await eventually(
      `the service is reached from ${from}`,
      async () =>
        (await shell(from, `for i in 1 2 3 4 5 6 7 8; do curl -sf --max-time 2 http://${ip}/ready; done`)) ===
        "OK".repeat(8),
    );
});

test("a device that takes the tunnel's port is named in the status", async () => {
  await shell(
    "f1",
    "ip link del cantrip-vxlan; ip link add other type vxlan id 9 local 127.0.0.1 dev lo dstport 8472; ip link set other up; systemctl restart snap.k8s.k8sd",
  );
  await eventually("the status names it", async () =>
    (await must("c1", ["k8s", "status"])).includes("f1: other uses UDP port 8472"),
  );
  await shell("f1", "ip link del other; systemctl restart snap.k8s.k8sd");
  await eventually("the status is well again", async () =>
    /network: +enabled/.test(await must("c1", ["k8s", "status"])),
  );
});

test("a node that leaves takes its part of the tunnel along", async () => {
  await must("c1", ["k8s", "remove-node", "f1"]);
  expect(await shell("f1", "ip -o link show type vxlan; ip route show proto 158")).toBe("");
  await eventually("the others forget it", async () => {
    const known = await shell("w1", "bridge fdb show dev cantrip-vxlan; ip route show proto 158");
    return !known.includes((await farMachines.get("f1"))!.address);
  });
  expect((await exec("f1", ["k8s", "status"])).stderr).toContain("not part of a Kubernetes cluster");
});
