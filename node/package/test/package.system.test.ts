/** The real package from the real cache, and its images and runtime on a real machine. */
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { Resolver } from "node:dns/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildComponents } from "@cantrip/components";
import { openMachines, type Machines } from "@cantrip/machines";
import { buildPackage, packTar, verifyPackage, type AssembledPackage } from "../src/index.ts";

const cacheDir = process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";
/** Two checkouts on one host test at once if they tell themselves apart. */
const instance = Number(process.env["CANTRIP_TEST_INSTANCE"] ?? 0);
let made: AssembledPackage;
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), "cantrip-package-system-"));
  made = await buildPackage({ cacheDir });
});
afterAll(async () => await rm(scratch, { recursive: true, force: true }));

/** What a cluster's DNS is configured with, on ports of this test, without a cluster. */
const corefile = (more: string): string => `.:10531 {
  bind 127.0.0.1
  errors
  log
  health 127.0.0.1:10532 {
    lameduck 1s
  }
  ready 127.0.0.1:10533
  hosts {
    10.1.2.3 a.test
    fallthrough
  }
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    endpoint http://127.0.0.1:9
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
  }
  prometheus 127.0.0.1:10534
  forward . 127.0.0.1:9 {
    max_concurrent 1000
  }
  cache 30
  loop
  reload
  loadbalance
  ${more}
}
`;

/** Asks until there is an answer: CoreDNS gives the API server five seconds before it serves without it. */
async function firstAnswer(server: string, name: string): Promise<unknown> {
  const resolver = new Resolver({ timeout: 300, tries: 1 });
  resolver.setServers([server]);
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; await sleep(200)) {
    const answer = await resolver.resolve4(name).catch(() => undefined);
    if (answer) return answer;
  }
  return `no answer from ${server} within 20 s`;
}

describe("the package", () => {
  test("is whole, and found again rather than made again", async () => {
    expect(made.manifest.missing).toEqual([]);
    const { ino, mtimeMs } = await stat(made.treeDir);
    expect(await buildPackage({ cacheDir })).toEqual({ ...made, cached: true });
    expect(await stat(made.treeDir)).toMatchObject({ ino, mtimeMs });
  });

  const versions = (): [string, string[], string][] => {
    const of = (name: string) => made.manifest.components[name]?.version ?? "unknown";
    return [
      ...["kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet"].map(
        (name): [string, string[], string] => [
          `bin/${name}`,
          ["--version"],
          `Kubernetes v${of("kubernetes")}`,
        ],
      ),
      ["bin/kubectl", ["version", "--client"], `Client Version: v${of("kubernetes")}`],
      ["bin/etcd", ["--version"], `etcd Version: ${of("etcd")}`],
      ["bin/etcdctl", ["version"], `etcdctl version: ${of("etcd")}`],
      ["bin/etcdutl", ["version"], `etcdutl version: ${of("etcd")}`],
      ["bin/containerd", ["--version"], `v${of("containerd")}`],
      ["bin/containerd-shim-runc-v2", ["-v"], `v${of("containerd")}`],
      ["bin/ctr", ["--version"], `v${of("containerd")}`],
      ["bin/runc", ["--version"], `runc version ${of("runc")}`],
      ["bin/k8s-apiserver-proxy", ["--version"], made.version],
      ["runtime/bin/node", ["--version"], `v${of("node")}`],
      ...made.manifest.files
        .filter((file) => file.path.startsWith("cni/"))
        .map((file): [string, string[], string] => [file.path, ["--version"], `v${of("cni")}`]),
    ];
  };

  test("holds programs of the pinned versions", async () => {
    for (const [name, argv, expected] of versions()) {
      const { all } = await execa(path.join(made.treeDir, name), argv, { all: true, reject: false });
      expect(all, name).toContain(expected);
    }
  });

  test("has a runc with seccomp, linked statically", async () => {
    const runc = path.join(made.treeDir, "bin/runc");
    expect((await execa(runc, ["--version"])).stdout).toMatch(/^libseccomp: \d/m);
    expect(
      (await execa("file", ["-L", runc], { reject: false })).stdout ||
        (await execa("ldd", [runc], { reject: false, all: true })).all,
    ).toMatch(/statically linked|not a dynamic executable/);
  });

  test("has a CoreDNS that serves a cluster's configuration and refuses what it was built without", async () => {
    const binary = (await buildComponents({ cacheDir })).binaries["coredns"] ?? "";
    const file = path.join(scratch, "Corefile");
    await writeFile(file, corefile(""));
    const server = execa(binary, ["-conf", file], { reject: false, all: true, timeout: 60_000 });
    const answer = await firstAnswer("127.0.0.1:10531", "a.test");
    server.kill("SIGKILL");
    expect(answer, (await server).all).toEqual(["10.1.2.3"]);
    await writeFile(file, corefile("route53"));
    const refused = await execa(binary, ["-conf", file], { reject: false, all: true, timeout: 60_000 });
    expect(refused.exitCode).toBe(1);
    expect(refused.all).toMatch(/unknown directive 'route53'/i);
    await rm(file);
  });

  test("packs to a tar that unpacks to the same package", async () => {
    const [out, unpacked] = [path.join(scratch, "node-package.tar"), path.join(scratch, "unpacked")];
    await packTar(made.treeDir, out);
    await mkdir(unpacked);
    await execa("tar", ["-xpf", out, "-C", unpacked]);
    expect((await verifyPackage(unpacked, { expected: made.manifestDigest })).manifest.version).toBe(
      made.version,
    );
    for (const place of [out, unpacked]) await rm(place, { recursive: true });
  });
});

describe("on a machine", () => {
  let machines: Machines;
  const name = "ct-pkg-1";
  const tree = (): string => `/opt/cantrip/packages/${made.manifestDigest}`;
  const run = async (command: string): Promise<string> => {
    const script = `export PATH=${tree()}/bin:$PATH; set -e; ${command}`;
    const { exitCode, stdout, stderr } = await machines.exec(name, ["sh", "-c", script], {
      timeoutMs: 120_000,
    });
    expect(exitCode, `${command}\n${stdout}\n${stderr}`).toBe(0);
    return stdout.trim();
  };

  beforeAll(async () => {
    machines = openMachines({
      id: instance === 0 ? "ct-pkg" : `ct-pkg-${instance}`,
      bridge: `ctpkg${instance}`,
      subnet: `10.78.${instance === 0 ? 2 : 120 + instance}.0/24`,
      stateDir: path.join(scratch, "machines"),
      cacheDir,
    });
    await machines.prepare();
    await machines.create({ name, binds: [{ source: made.treeDir, target: tree(), readOnly: true }] });
    await machines.start(name);
    await machines.waitBooted(name, { timeoutMs: 60_000 });
  });
  afterAll(async () => {
    await machines?.cleanup();
    await machines?.restore();
  });

  test("containerd takes the images and runs them", async () => {
    await run(
      `systemd-run --quiet --unit=ct-containerd -p Delegate=yes -p KillMode=process -E PATH=${tree()}/bin:/usr/sbin:/usr/bin:/sbin:/bin ${tree()}/bin/containerd`,
    );
    await run(
      "for i in $(seq 100); do ctr version >/dev/null 2>&1 && exit 0; sleep 0.1; done; journalctl -u ct-containerd | tail -20; exit 1",
    );
    for (const image of made.manifest.images) {
      await run(
        `ctr -n k8s.io images import --label io.cri-containerd.pinned=pinned ${tree()}/${image.file}`,
      );
      expect(await run("ctr -n k8s.io images list -q")).toContain(image.ref);
    }
    const pause = made.manifest.images.find(({ file }) => file === "images/pause.tar")?.ref;
    await run(`ctr -n k8s.io run -d ${pause} pause-1`);
    expect(await run("ctr -n k8s.io tasks list")).toMatch(/pause-1 +\d+ +RUNNING/);
    await run("ctr -n k8s.io tasks kill -s SIGTERM pause-1");
    await run(
      "for i in $(seq 50); do ctr -n k8s.io tasks list | grep -q 'pause-1.*STOPPED' && break; sleep 0.1; done; ctr -n k8s.io tasks delete pause-1",
    );
    const coredns = made.manifest.images.find(({ file }) => file === "images/coredns.tar")?.ref;
    expect(await run(`ctr -n k8s.io run --rm ${coredns} coredns-1 /coredns -version`)).toContain(
      `CoreDNS-${made.manifest.components["coredns"]?.version}`,
    );
    const plugins = await run(`ctr -n k8s.io run --rm --seccomp ${coredns} coredns-2 /coredns -plugins`);
    expect(plugins.split("\n")).toEqual(
      expect.arrayContaining(["kubernetes", "forward", "cache", "prometheus"]),
    );
    expect(plugins).not.toContain("route53");
    await run("ctr -n k8s.io containers delete pause-1; systemctl stop ct-containerd");
  });

  test("install makes the node package current and starts k8sd; again, it changes nothing; remove leaves nothing", async () => {
    await run(`${tree()}/install`);
    expect(await run("readlink -f /opt/k8s/current")).toBe(tree());
    expect(
      await run("systemctl is-active snap.k8s.k8sd.service; systemctl is-enabled snap.k8s.k8sd.service"),
    ).toBe("active\nenabled");
    const started = await run("systemctl show -p ActiveEnterTimestampMonotonic snap.k8s.k8sd.service");
    await run(`${tree()}/install`);
    expect(await run("systemctl show -p ActiveEnterTimestampMonotonic snap.k8s.k8sd.service")).toBe(started);
    await run("k8s version");
    await run(`${tree()}/remove`);
    await run(`${tree()}/remove`);
    const left =
      "ls -d /opt/k8s /usr/local/bin/k8s /var/snap/k8s /etc/kubernetes /etc/systemd/system/snap.k8s.* 2>/dev/null || true; pgrep -a 'k8sd|kubelet|containerd' || true";
    expect(await run(left)).toBe("");
  });

  test("remove leaves nothing of a node with a running cluster", async () => {
    await run(`${tree()}/install`);
    // The containerd of the first test stands still, and its containers are still there.
    const refused = await machines.exec(name, ["k8s", "bootstrap"], { timeoutMs: 60_000 });
    expect(refused.stderr).toContain("holds the containers of another runtime");
    await run("rm -rf /var/lib/containerd/*; k8s bootstrap --timeout 2m");
    await run(
      "for i in $(seq 120); do pgrep -x coredns >/dev/null && exit 0; sleep 0.5; done; k8s status; exit 1",
    );
    expect(await run("ls /etc/sysctl.d/*-k8s.conf")).toBe("/etc/sysctl.d/99-zz-k8s.conf");
    // Killed once its services are gone, in the middle of its work, and run again.
    await run(
      `${tree()}/remove & removal=$!; for i in $(seq 600); do pgrep -x containerd >/dev/null || break; sleep 0.05; done; kill -9 $removal 2>/dev/null || true; wait $removal || true`,
    );
    await run(`${tree()}/remove`);
    const looks = {
      processes: "pgrep -af 'cantrip/packages|coredns|/pause' | grep -v pgrep",
      mounts: "cut -d' ' -f5 /proc/self/mountinfo | grep -E '(kubelet|containerd|snap)/|netns/'",
      namespaces: "ls /run/netns",
      rules: "{ iptables-save; ip6tables-save; nft list tables; } | grep -E 'KUBE|kube-proxy|cantrip|cni'",
      routes: "ip route | grep -E 'veth|proto 158'",
      groups: "ls -d /sys/fs/cgroup/kubepods* /sys/fs/cgroup/*/kubepods*",
      folders:
        "ls -d /opt/k8s /opt/cni /opt/containerd /var/snap /etc/kubernetes /etc/cni /etc/containerd /run/containerd /var/lib/kubelet/* /var/lib/containerd/* /var/log/pods /etc/systemd/system/snap.k8s.* /etc/sysctl.d/*-k8s.conf",
    };
    for (const [what, look] of Object.entries(looks))
      expect(await run(`{ ${look}; } 2>/dev/null || true`), what).toBe("");
  });

  test("remove leaves another container runtime alone where no node has been", async () => {
    const theirs = [
      "/var/lib/containerd/io.containerd.content/blob",
      "/var/lib/kubelet/pki/kubelet.crt",
      "/etc/containerd/config.toml",
      "/etc/kubernetes/admin.conf",
      "/run/containerd/containerd.sock",
      "/var/log/pods/p/0.log",
      "/etc/sysctl.d/10-k8s.conf",
    ].join(" ");
    await run(`for f in ${theirs}; do mkdir -p $(dirname $f); echo theirs >$f; done`);
    const group = (await run("[ -e /sys/fs/cgroup/cgroup.controllers ] || echo /systemd")) || "";
    const pods = `/sys/fs/cgroup${group}/kubepods`;
    await run(
      `mkdir ${pods}; systemd-run --quiet --unit=ct-theirs sleep 600; systemctl show --property=MainPID --value ct-theirs >${pods}/cgroup.procs; ip netns add cni-theirs`,
    );
    await run(`${tree()}/install`);
    const refused = await machines.exec(name, ["k8s", "bootstrap"], { timeoutMs: 60_000 });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("belongs to another container runtime");
    await run(`${tree()}/remove`);
    expect(await run(`cat ${theirs} | sort | uniq -c`)).toMatch(/^7 theirs$/);
    expect(await run("pgrep -xc sleep; ls /run/netns")).toBe("1\ncni-theirs");
    expect(await run("ls -d /opt/k8s /var/snap/k8s 2>/dev/null || true")).toBe("");
    await run(
      `kill $(cat ${pods}/cgroup.procs); ip netns delete cni-theirs; rm -r ${theirs}; for i in $(seq 50); do rmdir ${pods} 2>/dev/null && exit 0; sleep 0.1; done; exit 1`,
    );
  });

  test("install names the library that the machine lacks", async () => {
    const library = await run("ldconfig -p | sed -n 's/.*libatomic[.]so[.]1 .*=> //p' | head -1");
    await run(`mv ${library} ${library}.away`);
    const { exitCode, stderr } = await machines.exec(name, [`${tree()}/install`], { timeoutMs: 30_000 });
    await run(`mv ${library}.away ${library}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("apt-get install libatomic1");
    expect(await run("ls -d /opt/k8s 2>/dev/null || true")).toBe("");
  });

  test("install refuses where the snap is installed, and changes nothing", async () => {
    await run("mkdir -p /snap/k8s");
    const { exitCode, stderr } = await machines.exec(name, [`${tree()}/install`], { timeoutMs: 30_000 });
    await run("rmdir /snap/k8s");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("snap remove --purge k8s");
    expect(await run("ls -d /opt/k8s 2>/dev/null || true")).toBe("");
  });
});
