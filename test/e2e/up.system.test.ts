/**
 * The main job, as a person does it: nothing but the command. The tests run in order, on one cluster, and take it down again.
 */
import { rmSync, writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  cantrip,
  environment,
  kubectl,
  nodes,
  start,
  status,
  succeed,
  top,
  traces,
  unitActive,
  until,
} from "./cluster.ts";
import { outsideHost, type OutsideHost } from "./outside-host.ts";
import { buildProbeImage, probe } from "./probe-image.ts";

const version = "v1.36.3";
let before: Awaited<ReturnType<typeof traces>>;
let scratch: string;
let image: string;
let outside: OutsideHost | undefined;

beforeAll(async () => {
  await cantrip(["down"], { timeoutMs: 120_000 });
  before = await traces();
  scratch = mkdtempSync(join(tmpdir(), "cantrip-e2e-"));
  image = await buildProbeImage(scratch);
});

afterAll(async () => {
  await outside?.remove();
  await cantrip(["down"], { timeoutMs: 120_000 });
  rmSync(scratch, { recursive: true, force: true });
  rmSync("/tmp/cantrip-e2e-kube-cache", { recursive: true, force: true });
});

const ready = async (count: number): Promise<boolean> => {
  const list = await nodes();
  return list.length === count && list.every((node) => node.ready);
};

/** Runs the probe image once on a node and returns what it printed. */
async function onNode(name: string, node: string, args: readonly string[]): Promise<string> {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      nodeName: node,
      restartPolicy: "Never",
      containers: [{ name: "probe", image: probe, imagePullPolicy: "Never", args }],
    },
  };
  await kubectl(["apply", "-f", "-"], { input: JSON.stringify(pod) });
  try {
    await until(
      `pod ${name} to end`,
      async () =>
        ["Succeeded", "Failed"].includes(
          await kubectl(["get", "pod", name, "-o", "jsonpath={.status.phase}"]),
        ),
      { timeoutMs: 60_000, everyMs: 300 },
    );
    const log = await kubectl(["logs", name]);
    expect(await kubectl(["get", "pod", name, "-o", "jsonpath={.status.phase}"]), log).toBe("Succeeded");
    return log.trim();
  } finally {
    await kubectl(["delete", "pod", name, "--grace-period=0", "--force", "--ignore-not-found"]);
  }
}

describe("up", () => {
  test("killed in the middle, it leaves nothing that stands in the way of the next one", async () => {
    const began = start(["up"]);
    await until("the first machine to be made", async () => ((await traces())["cgroups"] ?? []).length > 0, {
      timeoutMs: 3_600_000,
      everyMs: 200,
    });
    began.kill();
    await began.ended;
  });

  test("one command makes a control plane and a worker, Ready at the pinned version", async () => {
    const result = await succeed(["up"], { timeoutMs: 3_600_000 });
    expect(result.stdout).toContain(environment.CANTRIP_KUBECONFIG);
    const list = await nodes();
    expect(list.map(({ ready, version }) => ({ ready, version }))).toEqual([
      { ready: true, version },
      { ready: true, version },
    ]);
    expect(list.filter(({ roles }) => roles.includes("control-plane"))).toHaveLength(1);
    await unitActive("k8s/0");
    await unitActive("k8s-worker/0");
  });

  test("the kubeconfig and the client files are the invoking person's, and nobody else's", async () => {
    const files = [environment.CANTRIP_KUBECONFIG, join(environment.CANTRIP_DATA, "accounts.yaml")];
    const { stdout } = await execa("stat", ["-c", "%a %u %g", ...files]);
    expect(stdout.split("\n")).toEqual(["600 65534 65534", "600 65534 65534"]);
  });

  test("status and kubectl work without root (not tried where others may not read the checkout)", async (context) => {
    const person = { uid: 65534, gid: 65534 };
    const readable = await execa("test", ["-r", join(top, "cantrip")], { ...person, reject: false });
    if (readable.exitCode !== 0) context.skip("the checkout lies in a folder that others may not enter");
    const status = await cantrip(["status"], { uid: person.uid });
    expect(status).toMatchObject({ exitCode: 0, stderr: "" });
    expect(status.stdout).toMatch(/k8s\/0\* +active/);
    const nodes = await cantrip(["kubectl", "get", "nodes", "--cache-dir", "/tmp/cantrip-e2e-kube-cache"], {
      uid: person.uid,
    });
    expect(nodes).toMatchObject({ exitCode: 0 });
  });

  test("run again, it says that all is well and changes nothing", async () => {
    const shape = ({ machines, applications }: Awaited<ReturnType<typeof status>>) => [
      Object.keys(machines),
      Object.keys(applications),
    ];
    const earlier = shape(await status());
    await succeed(["up"], { timeoutMs: 300_000 });
    expect(shape(await status())).toEqual(earlier);
  });
});

describe("a workload", () => {
  beforeAll(async () => {
    await succeed(["image", "load", image]);
    const labels = { app: "web" };
    const pod = {
      metadata: { labels },
      spec: {
        containers: [
          {
            name: "web",
            image: probe,
            imagePullPolicy: "Never",
            args: ["serve", ":8080"],
            ports: [{ containerPort: 8080 }],
          },
        ],
      },
    };
    const spread = {
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "kubernetes.io/hostname",
          whenUnsatisfiable: "DoNotSchedule",
          labelSelector: { matchLabels: labels },
        },
      ],
    };
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { ...pod, spec: { ...pod.spec, ...spread } },
      },
    };
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    };
    await kubectl(["apply", "-f", "-"], {
      input: JSON.stringify({ apiVersion: "v1", kind: "List", items: [deployment, service] }),
    });
    await kubectl(["rollout", "status", "deployment/web", "--timeout=90s"], { timeoutMs: 100_000 });
  });

  test("a service answers by its DNS name from a pod on either node", async () => {
    for (const [i, { name }] of (await nodes()).entries()) {
      expect(await onNode(`ask-${i}`, name, ["get", "http://web.default.svc.cluster.local/"])).toMatch(
        /^web-/,
      );
      expect(await onNode(`look-${i}`, name, ["lookup", "kubernetes.default.svc.cluster.local"])).toMatch(
        /^[0-9.]+$/,
      );
    }
  });

  test("pods on different nodes reach each other without translation", async () => {
    const { items } = JSON.parse(await kubectl(["get", "pods", "-l", "app=web", "-o", "json"])) as {
      items: { spec: { nodeName: string }; status: { podIP: string } }[];
    };
    expect(new Set(items.map(({ spec }) => spec.nodeName)).size).toBe(2);
    for (const [i, { status: at, spec }] of items.entries()) {
      const other = items.find((one) => one.spec.nodeName !== spec.nodeName);
      const answer = await onNode(`cross-${i}`, other?.spec.nodeName ?? "", [
        "get",
        `http://${at.podIP}:8080/`,
      ]);
      expect(answer.split(" ")[1]).toMatch(/^10\.1\./);
    }
  });

  test("logs and exec work from the host", async () => {
    const names = (await kubectl(["get", "pods", "-l", "app=web", "-o", "name"])).split("\n");
    for (const name of names) {
      expect(await kubectl(["logs", name])).toContain("serving web-");
      expect(await kubectl(["exec", name, "--", "/probe", "lookup", "localhost"])).toContain("127.0.0.1");
    }
  });

  test("a pod under the runtime's default seccomp profile starts", async () => {
    const spec = {
      restartPolicy: "Never",
      securityContext: { seccompProfile: { type: "RuntimeDefault" } },
      containers: [{ name: "probe", image: probe, imagePullPolicy: "Never", args: ["lookup", "localhost"] }],
    };
    await kubectl(["apply", "-f", "-"], {
      input: JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "confined" }, spec }),
    });
    await until(
      "the confined pod to succeed",
      async () =>
        (await kubectl(["get", "pod", "confined", "-o", "jsonpath={.status.phase}"])) === "Succeeded",
      { timeoutMs: 60_000 },
    );
    await kubectl(["delete", "pod", "confined"]);
  });

  test("a pod reaches a host outside the machines' network, with its address masqueraded", async () => {
    outside = await outsideHost();
    for (const [i, { name }] of (await nodes()).entries()) {
      const seen = await onNode(`out-${i}`, name, ["get", `http://${outside.address}:8080/`]);
      expect(seen).not.toMatch(/^10\.1\./);
    }
  });

  test("imported images carry the mark that spares them from image garbage collection", async () => {
    for (const unit of ["k8s/0", "k8s-worker/0"]) {
      const { stdout } = await succeed([
        "exec",
        "--unit",
        unit,
        "--",
        "/opt/k8s/current/bin/ctr",
        "-n",
        "k8s.io",
        "images",
        "ls",
      ]);
      // Those of the package, and the one that was loaded.
      const ours = stdout
        .split("\n")
        .filter((line) => /cantrip\.(local\/(pause|coredns)|test\/probe)/.test(line));
      expect(ours.length).toBeGreaterThanOrEqual(3);
      for (const line of ours) expect(line).toContain("io.cri-containerd.pinned=pinned");
    }
  });
});

/** Keys of the cluster's shared state that name something. */
async function etcdKeys(containing: string): Promise<string[]> {
  const pki = "/etc/kubernetes/pki";
  const access = `--endpoints https://127.0.0.1:2379 --cacert ${pki}/etcd/ca.crt --cert ${pki}/apiserver-etcd-client.crt --key ${pki}/apiserver-etcd-client.key`;
  const { stdout } = await succeed([
    "exec",
    "--unit",
    "k8s/0",
    "--",
    "bash",
    "-c",
    `/opt/k8s/current/bin/etcdctl ${access} get --prefix /cantrip --keys-only`,
  ]);
  return stdout.split("\n").filter((key) => key.includes(containing));
}

/** Databag keys of the control plane's application, and the secrets, as a worker sees them. */
async function relationTraces(of: string): Promise<string[]> {
  const units = JSON.parse(
    (await succeed(["show-unit", "k8s-worker/0", "--format", "json"])).stdout,
  ) as Record<string, { "relation-info": { "application-data": Record<string, string> }[] }>;
  const keys = Object.values(units).flatMap((unit) =>
    unit["relation-info"].flatMap((info) => Object.keys(info["application-data"])),
  );
  const secrets = JSON.parse((await succeed(["secrets", "--format", "json"])).stdout || "{}") as object;
  return [...keys.filter((key) => key.startsWith(of)), ...Object.keys(secrets)];
}

describe("units come and go", () => {
  /** Of a unit that left nothing may be found in Kubernetes, in the cluster's shared state, in the model or on the host. */
  async function nothingIsLeftOf(unit: string, machine: string, node: string): Promise<void> {
    await until("the node to be gone", async () => (await nodes()).every(({ name }) => name !== node));
    await until("its machine to be gone", async () => (await status()).machines[machine] === undefined);
    expect(await etcdKeys(node)).toEqual([]);
    expect(await relationTraces(unit)).toEqual([]);
    expect((await execa("pgrep", ["-f", `--hostname=${node}( |$)`], { reject: false })).stdout).toBe("");
    await unitActive("k8s/0");
  }

  const placeOf = async (application: string, unit: string): Promise<{ machine: string; node: string }> => {
    const { machines, applications } = await status();
    const machine = applications[application]?.units?.[unit]?.machine ?? "";
    return { machine, node: machines[machine]?.hostname ?? "" };
  };

  test("add-unit makes a third node, remove-unit leaves no node, token, secret, databag entry or machine", async () => {
    await succeed(["add-unit", "k8s-worker"]);
    await unitActive("k8s-worker/1");
    expect(await ready(3)).toBe(true);
    const { machine, node } = await placeOf("k8s-worker", "k8s-worker/1");
    expect(await etcdKeys(node)).toEqual([expect.stringContaining(`/nodes/${node}`)]);
    await succeed(["remove-unit", "k8s-worker/1", "--no-prompt"]);
    await nothingIsLeftOf("k8s-worker/1", machine, node);
  });

  test("a worker application under another name joins and leaves the same way", async () => {
    const { charms, packageReference } = JSON.parse((await succeed(["up", "--format", "json"])).stdout) as {
      charms: Record<string, string>;
      packageReference: string;
    };
    const resource = ["--resource", `node-package=${packageReference}`];
    await succeed(["deploy", charms["k8s-worker"] ?? "", "edge", ...resource]);
    await succeed(["integrate", "k8s", "edge"]);
    await unitActive("edge/0");
    expect(await ready(3)).toBe(true);
    const { machine, node } = await placeOf("edge", "edge/0");
    await succeed(["remove-application", "edge", "--no-prompt"]);
    await nothingIsLeftOf("edge/0", machine, node);
    await until(
      "the application to be gone",
      async () => (await status()).applications["edge"] === undefined,
    );
  });
});

describe("things that die", () => {
  test("a worker's machine that is killed and started again is Ready without help", async () => {
    const before = await status();
    const machine = before.applications["k8s-worker"]?.units?.["k8s-worker/0"]?.machine ?? "";
    const instance = before.machines[machine]?.["instance-id"] ?? "";
    const { stdout: nspawn } = await execa("pgrep", ["-f", `^systemd-nspawn.*--hostname=${instance}( |$)`]);
    const { stdout: leader } = await execa("pgrep", ["-P", nspawn]);
    const name = before.machines[machine]?.hostname ?? "";
    const seen = (path: string) => kubectl(["get", "node", name, "-o", `jsonpath={${path}}`]);
    const [boot, uid] = [await seen(".status.nodeInfo.bootID"), await seen(".metadata.uid")];
    process.kill(Number(leader), "SIGKILL");
    const isNewBoot = async () => (await seen(".status.nodeInfo.bootID")) !== boot;
    await until(
      "the node to be Ready after another boot",
      async () => (await isNewBoot()) && (await ready(2)),
      { timeoutMs: 180_000 },
    );
    await unitActive("k8s-worker/0");
    // The same Node object: nothing was joined anew.
    expect(await seen(".metadata.uid")).toBe(uid);
  });

  test("everything killed, as by a reboot of the host, returns with one command", async () => {
    const uids = await kubectl(["get", "nodes", "-o", "jsonpath={.items[*].metadata.uid}"]);
    await execa("pkill", ["-9", "-f", `${environment.CANTRIP_STATE}/controller`], { reject: false });
    // The launcher first: it would start its machine again.
    for (const program of ["/launcher", "/root"])
      await execa("pkill", ["-9", "-f", `${environment.CANTRIP_STATE}/machines/by-name/[^ ]*${program}`], {
        reject: false,
      });
    await until(
      "no machine to be left",
      async () =>
        (await execa("pgrep", ["-f", "^systemd-nspawn.*cantrip-e2e"], { reject: false })).exitCode === 1,
    );
    await execa("ip", ["link", "del", "cantripe2e0"]);
    await succeed(["up"]);
    expect(await ready(2)).toBe(true);
    expect(await kubectl(["get", "nodes", "-o", "jsonpath={.items[*].metadata.uid}"])).toBe(uids);
    await kubectl(["rollout", "status", "deployment/web", "--timeout=90s"], { timeoutMs: 100_000 });
  });

  test("a node that the API shows not Ready shows in its unit's status, and so does its return", async () => {
    const kubelet = (verb: string) =>
      succeed(["exec", "--unit", "k8s-worker/0", "--", "systemctl", verb, "snap.k8s.kubelet"]);
    const { machines, applications } = await status();
    const name = machines[applications["k8s-worker"]?.units?.["k8s-worker/0"]?.machine ?? ""]?.hostname;
    await kubelet("stop");
    await until(
      "the API to show it",
      async () => (await nodes()).some((node) => node.name === name && !node.ready),
      { timeoutMs: 120_000 },
    );
    await until(
      "the unit to show it",
      async () =>
        (await status()).applications["k8s-worker"]?.units?.["k8s-worker/0"]?.["workload-status"].current ===
        "waiting",
      { timeoutMs: 5000, everyMs: 100 },
    );
    await kubelet("start");
    await until("the API to show its return", () => ready(2), { timeoutMs: 60_000 });
    await unitActive("k8s-worker/0", 5000);
  });

  test("the controller killed with -9 during an add-unit completes it", async () => {
    const before = Object.keys((await status()).machines);
    await succeed(["add-unit", "k8s-worker"]);
    await until(
      "its machine to be in the making",
      async () =>
        Object.entries((await status()).machines).some(
          ([id, machine]) => !before.includes(id) && (machine["instance-id"] ?? "").startsWith("juju-"),
        ),
      { timeoutMs: 60_000, everyMs: 50 },
    );
    const { stdout } = await execa("pgrep", ["-f", `${environment.CANTRIP_STATE}/controller`]);
    for (const pid of stdout.split("\n")) process.kill(Number(pid), "SIGKILL");
    await succeed(["up"], { timeoutMs: 300_000 });
    const units = Object.keys((await status()).applications["k8s-worker"]?.units ?? {});
    const added = units.at(-1) ?? "";
    await unitActive(added);
    expect(await ready(3)).toBe(true);
    await succeed(["remove-unit", added, "--no-prompt"]);
    await until("its node to be gone", () => ready(2));
    await until("its unit to be gone", async () => Object.keys((await status()).machines).length === 2);
  });
});

describe("wrong uses name what is wrong and change nothing", () => {
  const shape = async (): Promise<string> => {
    const { machines, applications } = await status();
    return JSON.stringify([
      Object.keys(machines),
      Object.keys(applications),
      Object.values(applications).map(({ units }) => Object.keys(units ?? {})),
    ]);
  };

  test.each([
    ["deploy of a path that is not there", ["deploy", "./no-such.charm"], /no-such\.charm/],
    ["integrate of an application that is not there", ["integrate", "k8s", "nobody"], /nobody/],
    ["integrate of what does not fit", ["integrate", "k8s:cluster", "k8s-worker:cluster"], /cluster/],
    ["a relation that exists already", ["integrate", "k8s", "k8s-worker"], /already exists/],
    ["an unknown option", ["config", "k8s", "no-such-option=1"], /no-such-option/],
    ["a bad value", ["config", "k8s", "dns-enabled=perhaps"], /dns-enabled/],
    ["an unknown flag", ["deploy", "--no-such-flag"], /no-such-flag/],
    ["an unknown command", ["dploy"], /dploy/],
    ["an action that is not there", ["run", "k8s/0", "no-such-action"], /no-such-action/],
    ["a unit that is not there", ["remove-unit", "k8s-worker/99", "--no-prompt"], /k8s-worker\/99/],
  ])("%s", async (_, argv, expected) => {
    const earlier = await shape();
    const result = await cantrip(argv);
    expect(result.stderr).toMatch(expected);
    // Juju's `run` exits 0 when no task could be scheduled, and clients count on it.
    if (argv[0] === "run") expect(result.exitCode).toBe(0);
    else expect(result.exitCode).toBeGreaterThan(0);
    expect(await shape()).toBe(earlier);
  });

  test("deploy of a file that is no charm", async () => {
    const file = join(scratch, "fake.charm");
    writeFileSync(file, "this is no zip");
    const earlier = await shape();
    const result = await cantrip(["deploy", file]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/fake\.charm/);
    expect(await shape()).toBe(earlier);
  });

  test("a second bootstrap of a node", async () => {
    const result = await cantrip(["exec", "--unit", "k8s/0", "--", "k8s", "bootstrap"]);
    expect(result.exitCode).toBe(1);
    expect(result.stdout + result.stderr).toMatch(/already part of a cluster/);
    await unitActive("k8s/0");
  });

  test("an option of a feature that does not exist yet blocks with the reason, and lets go", async () => {
    await succeed(["config", "k8s", "gateway-enabled=true"]);
    await until(
      "the unit to be blocked",
      async () =>
        (await status()).applications["k8s"]?.units?.["k8s/0"]?.["workload-status"].current === "blocked",
    );
    const message = (await status()).applications["k8s"]?.units?.["k8s/0"]?.["workload-status"].message ?? "";
    expect(message).toMatch(/gateway/);
    await succeed(["config", "k8s", "--reset", "gateway-enabled"]);
    await unitActive("k8s/0");
  });
});

describe("down", () => {
  test("leaves no process, mount, bridge, rule, cgroup, sysctl or file of ours but caches", async () => {
    await outside?.remove();
    outside = undefined;
    await succeed(["down"], { timeoutMs: 180_000 });
    expect(await traces()).toEqual(before);
  });

  test("run again, it says that there is nothing to take down", async () => {
    await succeed(["down"]);
  });
});
