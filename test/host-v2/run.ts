/**
 * On an emulated Debian with systemd and control groups of version 2: the suite of the machines' provider, and a cluster.
 * `node test/host-v2/run.ts REPORT` writes vitest's own report, as it was made there, to the file REPORT.
 */
import { writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { openMachines } from "@cantrip/machines";
import { buildPackage } from "@cantrip/node-package";
import { runOnEmulatedHost } from "../../machines/test/emulated-host.ts";

const top = resolve(import.meta.dirname, "../..");
const cacheDir = process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";
const there = { checkout: "/opt/checkout", cache: "/var/cache/cantrip" };

/** What machines need of their host, and what Node is linked against. */
const packages = [
  "iproute2",
  "iptables",
  "nftables",
  "systemd-container",
  "util-linux",
  "mount",
  "kmod",
  "procps",
  "mmdebstrap",
  "debian-archive-keyring",
  "libatomic1",
  "tar",
];

const tests = ["machines/test/nspawn.system.test.ts", "test/host-v2/cluster.system.test.ts"];

/** Emulation takes ten to twenty times as long: every bound of the tests is stretched, and so are vitest's own. */
const script = (tree: string) => `cd ${there.checkout}
# A node takes the address of the way out, which this host does not have otherwise.
ip link add lan type dummy && ip address add 10.99.0.5/24 dev lan && ip link set lan up && ip route add default via 10.99.0.1
export PATH=${there.checkout}/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root CI=1 NO_COLOR=1 CANTRIP_CACHE=${there.cache} CANTRIP_PATIENCE=20 CANTRIP_HOST_V2_TREE=${tree}
vitest run --project system --testTimeout=1800000 --hookTimeout=1800000 --reporter=verbose --reporter=json \\
  --outputFile.json=/data/report ${process.env["CANTRIP_HOST_V2_TESTS"] ?? tests.join(" ")}
`;

async function main(report: string | undefined): Promise<void> {
  if (report === undefined) throw new Error("Usage: node test/host-v2/run.ts REPORT");
  const { treeDir } = await buildPackage({ cacheDir });
  const machines = openMachines({
    id: "ct-host-v2",
    bridge: "cthostv2",
    subnet: "10.78.5.0/24",
    stateDir: "/var/lib/ct-host-v2",
    cacheDir,
  });
  const image = dirname(await machines.ensureImage());
  const answer = await runOnEmulatedHost({
    packages,
    folders: [
      { source: top, target: there.checkout, without: [".git"] },
      { source: image, target: join(there.cache, "images", basename(image)) },
      { source: treeDir, target: join(there.cache, "packages", basename(treeDir)) },
    ],
    script: script(join(there.cache, "packages", basename(treeDir))),
    onOutput: (text) => process.stdout.write(text),
    timeoutMs: 45 * 60_000,
  });
  await writeFile(report, answer);
}

await main(process.argv[2]);
