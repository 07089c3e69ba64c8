/** A package in one file on a machine that has nothing of it: install, upgrade and remove, and what may go wrong in between. */
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openMachines } from "@cantrip/machines";
import {
  buildPackage,
  packageFileName,
  packReference,
  packTar,
  type AssembledPackage,
} from "../src/index.ts";

const cacheDir = process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";
const instance = Number(process.env["CANTRIP_TEST_INSTANCE"] ?? 0);
const scratch = await mkdtemp(path.join(tmpdir(), "cantrip-install-system-"));
const machines = openMachines({
  id: instance === 0 ? "ct-inst" : `ct-inst-${instance}`,
  bridge: `ctinst${instance}`,
  subnet: `10.78.${instance === 0 ? 7 : 140 + instance}.0/24`,
  stateDir: path.join(scratch, "machines"),
  cacheDir,
});

let made: AssembledPackage;
const name = "fresh";
/** On the machine: the package as one file, the installer out of it, and a tree unpacked by hand. */
const [file, reference, installer, hand] = [
  "/srv/package/whole.tar",
  "/srv/package/reference.tar",
  "/root/install",
  "/root/tree",
];
const own = () => `/opt/k8s/versions/${made.manifestDigest}`;

const sh = (script: string) => machines.exec(name, ["sh", "-ec", script], { timeoutMs: 240_000 });
async function run(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await sh(script);
  expect(exitCode, `${script}\n${stdout}\n${stderr}`).toBe(0);
  return stdout.trim();
}
/** What a command says when it refuses. */
async function refusal(script: string): Promise<string> {
  const { exitCode, stderr, stdout } = await sh(script);
  expect(exitCode, `${script}\n${stdout}`).toBe(1);
  return stderr.trim();
}
const everything = () =>
  run("ls -d /opt/k8s /usr/local/bin/k8s /etc/systemd/system/snap.k8s.* 2>/dev/null || true");
const current = () => run("readlink /opt/k8s/current");

beforeAll(async () => {
  made = await buildPackage({ cacheDir });
  const files = path.join(scratch, "package");
  await mkdir(files);
  await packTar(made.treeDir, path.join(files, "whole.tar"));
  await packReference(made.treeDir, path.join(files, "reference.tar"));
  await machines.prepare();
  await machines.create({ name, binds: [{ source: files, target: "/srv/package", readOnly: true }] });
  await machines.start(name);
  await machines.waitBooted(name);
  await run(`cd /root && tar -xf ${file} install`);
});
afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
  await rm(scratch, { recursive: true, force: true });
});

describe("what cannot be installed leaves the machine as it was", () => {
  test("a file that is none of ours", async () => {
    expect(await refusal(`${installer} /srv/package/nothing.tar`)).toContain("cannot read the node package");
    expect(await refusal(`${installer} /etc/passwd`)).toContain("is no node package");
    expect(await everything()).toBe("");
  });

  test("a reference to a tree that the machine does not have", async () => {
    expect(await refusal(`${installer} ${reference}`)).toContain("take the whole package");
    expect(await everything()).toBe("");
  });

  test("an upgrade of nothing", async () => {
    expect(await refusal(`cd /root; tar -xf ${file} upgrade; ./upgrade ${file}`)).toContain(
      "no node package is installed on this machine",
    );
  });

  test("a package for which the disk has no room, known before or noticed on the way", async () => {
    await run("mkdir -p /opt/k8s; mount -t tmpfs -o size=100m tmpfs /opt/k8s");
    expect(await refusal(`${installer} ${file}`)).toMatch(/has \d+ MiB left, and the package needs \d+ MiB/);
    await run("umount /opt/k8s; mount -t tmpfs -o size=3g,nr_inodes=40 tmpfs /opt/k8s");
    expect(await refusal(`${installer} ${file}`)).toMatch(/cannot unpack .*No space left on device/);
    expect(await run("ls -A /opt/k8s/versions; umount /opt/k8s; rmdir /opt/k8s")).toBe("");
    expect(await everything()).toBe("");
  });

  test("a file that was damaged on its way", async () => {
    const damaged = path.join(scratch, "package/damaged.tar");
    await packTar(made.treeDir, damaged);
    const handle = await open(damaged, "r+");
    const { size } = await handle.stat();
    await handle.write(Buffer.from("damage"), 0, 6, Math.floor(size / 2));
    await handle.close();
    expect(await refusal(`${installer} /srv/package/damaged.tar`)).toMatch(
      /is refused: \S+: FAILED; fetch it again/,
    );
    expect(await run("ls -A /opt/k8s/versions; rm -r /opt/k8s")).toBe("");
    await rm(damaged);
  });
});

describe("a package in one file", () => {
  test("is named by its version and its processor type", () => {
    expect(packageFileName(made.manifest)).toBe(`k8s-node_${made.version}_${made.manifest.architecture}.tar`);
  });

  test("is installed whenever its installer was killed before", async () => {
    // The delays reach from the first byte unpacked to the daemon's start; a kill spares tar, as it does in life.
    for (const delay of ["0.05", "0.6", "1.5", "3", "4.5"])
      await run(
        `${installer} ${file} >/dev/null 2>&1 & p=$!; sleep ${delay}; kill -9 $p 2>/dev/null || true; wait $p || true`,
      );
    await run(`${installer} ${file}`);
    expect(await current()).toBe(own());
    expect(await run("systemctl is-active snap.k8s.k8sd; ls -A /opt/k8s /opt/k8s/versions")).toBe(
      `active\n/opt/k8s:\ncurrent\nversions\n\n/opt/k8s/versions:\n${made.manifestDigest}`,
    );
    expect(await run("ls -A /etc/systemd/system /usr/local/bin | grep -F .new. || true")).toBe("");
  });

  test("installed again changes nothing", async () => {
    const look =
      "stat -c %Z /opt/k8s/current /opt/k8s/versions/*; systemctl show -p ActiveEnterTimestampMonotonic snap.k8s.k8sd";
    const before = await run(look);
    await run(
      `${installer} ${file}; ${own()}/install; /opt/k8s/current/upgrade ${file}; /opt/k8s/current/upgrade`,
    );
    expect(await run(look)).toBe(before);
  });

  test("a second time on the host is not unpacked: the tree that is bound at its place is taken", async () => {
    await machines.create({
      name: "second",
      binds: [
        { source: path.join(scratch, "package"), target: "/srv/package", readOnly: true },
        { source: path.join(cacheDir, "packages"), target: "/opt/cantrip/packages", readOnly: true },
      ],
    });
    await machines.start("second");
    await machines.waitBooted("second");
    const began = performance.now();
    for (const tar of [reference, file]) {
      const script = `cd /root && tar -xf ${file} --occurrence=1 install && ./install ${tar} && readlink /opt/k8s/current && ls -A /opt/k8s`;
      const { stdout, stderr } = await machines.exec("second", ["sh", "-c", script]);
      expect({ stdout, stderr }).toEqual({
        stdout: `/opt/cantrip/packages/${made.manifestDigest}\ncurrent\n`,
        stderr: "",
      });
      if (tar === reference)
        console.log(`installed on a second machine in ${Math.round(performance.now() - began)} ms`);
    }
    await machines.destroy("second");
  });
});

describe("a tree that was unpacked by hand", () => {
  beforeAll(() => run(`${installer} ${file}; mkdir ${hand}; tar -xf ${file} -C ${hand}`));
  test.each([
    [
      "a changed file",
      "cp -p lib/k8s.mjs /root/kept; tr a b <lib/k8s.mjs >/root/new; cat /root/new >lib/k8s.mjs",
      "cp -p /root/kept lib/k8s.mjs",
      "lib/k8s.mjs: FAILED",
    ],
    [
      "a missing file",
      "mv bin/ctr /root/kept",
      "mv /root/kept bin/ctr",
      "expected a file with this mode, size and path: 0755",
    ],
    ["a further file", "touch bin/evil", "rm bin/evil", "is not in its manifest: 0644 0 bin/evil"],
    ["another mode", "chmod 4755 bin/runc", "chmod 0755 bin/runc", "mode, size and path"],
    [
      "a link",
      "mv bin/ctr /root/kept; ln -s /bin/true bin/ctr",
      "mv /root/kept bin/ctr",
      "./bin/ctr is no regular file",
    ],
    [
      "another architecture",
      'cp -p manifest.json /root/kept; sed -i \'s/^ "architecture": "[a-z0-9]*"/ "architecture": "riscv64"/\' manifest.json',
      "cp -p /root/kept manifest.json",
      "is for riscv64, another processor type than this machine's",
    ],
  ])("and has %s is refused", async (_what, change, undo, expected) => {
    const before = await current();
    await run(`cd ${hand}; ${change}`);
    const { exitCode, stderr } = await sh(`${hand}/install`);
    await run(`cd ${hand}; ${undo}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(expected);
    expect(await current()).toBe(before);
  });

  test("and is another version takes the place of an installed one where there is no cluster", async () => {
    await run(`cd ${hand}; sed -i 's/^ "version": "[^"]*"/ "version": "9.9.9+cantrip.9"/' manifest.json`);
    const started = await run("systemctl show -p MainPID --value snap.k8s.k8sd");
    await run(`${hand}/upgrade`);
    expect(await current()).toBe(hand);
    expect(await run("systemctl is-active snap.k8s.k8sd; ls /opt/k8s/versions")).toBe("active");
    expect(await run("systemctl show -p MainPID --value snap.k8s.k8sd")).not.toBe(started);
    await run(`/opt/k8s/current/upgrade ${file}`);
    expect(await current()).toBe(own());
  });
});

describe("a node of a cluster", () => {
  const foreign = [
    "/opt/cni/bin/foreign",
    "/etc/cni/net.d/99-foreign.conflist",
    "/etc/systemd/system/foreign.service",
  ];

  test("keeps what it runs: neither upgrade nor install changes it", async () => {
    await run(`for f in ${foreign.join(" ")}; do mkdir -p $(dirname $f); echo theirs >$f; done`);
    await run("k8s bootstrap --timeout 2m");
    for (const attempt of [`${hand}/upgrade`, `${hand}/install`])
      expect(await refusal(attempt)).toContain(
        "upgrades of a node are not available yet; nothing was changed",
      );
    expect(await current()).toBe(own());
    await run(`/opt/k8s/current/upgrade ${file}`);
    expect(
      await run(
        "k8s kubectl get nodes -o name; cat /opt/k8s/versions/*/manifest.json | grep -c '^ \"version\"'",
      ),
    ).toBe("node/fresh\n1");
  });

  test("is taken off with its package, and what belongs to others stays", async () => {
    await run("/opt/k8s/current/remove");
    expect(await everything()).toBe("");
    expect(await run(`cat ${foreign.join(" ")}`)).toBe("theirs\ntheirs\ntheirs");
    await run(`mkdir -p /usr/local/bin; echo theirs >/usr/local/bin/k8s`);
    expect(await refusal(`${installer} ${file}`)).toContain("/usr/local/bin/k8s is a file of someone else");
    expect(
      await run(
        "cat /usr/local/bin/k8s; rm /usr/local/bin/k8s; ls /etc/systemd/system/snap.k8s.* 2>/dev/null || true",
      ),
    ).toBe("theirs");
  });
});
