/** What stands in the way of machines on this host, and what prepare will change: said before anything is done. */
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { cgroupMounts, isUnified, missingControllers } from "./cgroups.ts";
import { readText } from "./files.ts";
import { findDroppingChains, type DroppingChain } from "./firewall.ts";
import { sysctlsToRaise } from "./host-changes.ts";
import { run } from "./run.ts";
import { onSystemd } from "./systemd.ts";
import { rangeFindings } from "./ranges.ts";

export interface Finding {
  /** What it is about, for programs: `root`, `packages`, `kernel.vxlan`, `range.subnet`, `firewall.forward`, `sysctl.<key>`… */
  id: string;
  /** `error`: it cannot work. `warning`: it may not. `change`: prepare will change it, restore will put it back. */
  severity: "error" | "warning" | "change";
  text: string;
  fix?: string;
}

export interface PreflightOptions {
  /** Range of the machines. */
  subnet: string;
  podCidr: string;
  serviceCidr: string;
  /** The instance's bridge: its own routes are no overlap. */
  bridge?: string;
}

/** Debian and Ubuntu packages that the host needs, each with what shows that it is there. */
export const requiredPackages: readonly { package: string; provides: string }[] = [
  { package: "systemd-container", provides: "systemd-nspawn" },
  { package: "mmdebstrap", provides: "mmdebstrap" },
  { package: "debian-archive-keyring", provides: "/usr/share/keyrings/debian-archive-keyring.gpg" },
  { package: "iproute2", provides: "ip" },
  { package: "nftables", provides: "nft" },
  { package: "util-linux", provides: "nsenter" },
  { package: "mount", provides: "mount" },
  { package: "kmod", provides: "modprobe" },
  { package: "tar", provides: "tar" },
];

/** The names of the packages that the host lacks. */
export async function missingPackages(): Promise<string[]> {
  const checked = await Promise.all(
    requiredPackages.map(async (required) => ({ ...required, here: await isHere(required.provides) })),
  );
  return checked.filter(({ here }) => !here).map(({ package: name }) => name);
}

async function isHere(thing: string): Promise<boolean> {
  const folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
  const paths = thing.startsWith("/") ? [thing] : folders.map((folder) => join(folder, thing));
  const found = await Promise.all(
    paths.map((path) =>
      access(path, constants.R_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

export async function preflight(options: PreflightOptions): Promise<Finding[]> {
  const obstacles = await hostObstacles();
  if (obstacles.some(({ id }) => id === "root")) return obstacles;
  const ranges = await rangeFindings(options).catch(unanswered("ranges"));
  const found = await Promise.all([firewallFindings().catch(unanswered("firewall")), sysctlFindings()]);
  return [...obstacles, ...ranges, ...found.flat()];
}

/** What makes machines impossible here, whatever their ranges: rights, packages, control groups, features of the kernel. */
export async function hostObstacles(): Promise<Finding[]> {
  if (process.getuid?.() !== 0) {
    return [
      {
        id: "root",
        severity: "error",
        text: "Machines need root: this process runs as another user",
        fix: "run it with sudo",
      },
    ];
  }
  const packages = await missingPackages();
  const lacking: Finding[] = packages.map((name) => ({
    id: `package.${name}`,
    severity: "error",
    text: `The host lacks the package ${name}`,
    fix: `apt-get install ${name}`,
  }));
  const rights = await capabilityFindings();
  // Without them the probes would fail whatever the kernel can.
  const kernel = rights.length > 0 ? [] : await kernelFindings(packages);
  return [...rights, ...lacking, ...(await cgroupFindings()), ...kernel];
}

/** By their numbers in capabilities(7). */
const neededCapabilities: Readonly<Record<string, bigint>> = {
  CAP_NET_ADMIN: 12n,
  CAP_SYS_CHROOT: 18n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_ADMIN: 21n,
  CAP_MKNOD: 27n,
};

/** Root in a container may have less than it seems. */
async function capabilityFindings(): Promise<Finding[]> {
  const status = (await readText("/proc/self/status")) ?? "";
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const missing = Object.entries(neededCapabilities).filter(([, bit]) => (effective & (1n << bit)) === 0n);
  return missing.map(([name]) => ({
    id: `capability.${name}`,
    severity: "error",
    text: `Machines need ${name}, which root does not have here`,
    fix: "run it on a host, a virtual machine or in a privileged container",
  }));
}

/** A check whose tool is missing says so; the missing package is named by a finding of its own. */
function unanswered(what: string): (error: unknown) => Finding[] {
  return (error) => [
    {
      id: what,
      severity: "warning",
      text: `Could not check the host's ${what}: ${error instanceof Error ? error.message : String(error)}`,
    },
  ];
}

async function cgroupFindings(): Promise<Finding[]> {
  const mounts = await cgroupMounts();
  if (mounts.length === 0)
    return [
      {
        id: "cgroups",
        severity: "error",
        text: "The host has no control groups mounted",
        fix: "mount cgroup2 at /sys/fs/cgroup",
      },
    ];
  if ((await onSystemd()) && !isUnified(mounts)) {
    return [
      {
        id: "cgroups",
        severity: "error",
        text: "The host's systemd uses control groups of version 1, which is not supported together with systemd",
        fix: "boot with systemd.unified_cgroup_hierarchy=1",
      },
    ];
  }
  return (await missingControllers(mounts)).map((name) => ({
    id: `cgroups.${name}`,
    severity: "error",
    text: `The host has no control groups for ${name}, which the kubelet needs`,
    fix: `boot with cgroup_enable=${name}`,
  }));
}

/** Each feature is tried in a network namespace that is gone afterwards: that also loads its module, as using it would. */
const probes: readonly { feature: string; argv: readonly string[]; stdin?: string }[] = [
  { feature: "bridge", argv: ["ip", "link", "add", "probe", "type", "bridge"] },
  { feature: "veth", argv: ["ip", "link", "add", "probe", "type", "veth", "peer", "name", "probe1"] },
  { feature: "vxlan", argv: ["ip", "link", "add", "probe", "type", "vxlan", "id", "1", "dstport", "8472"] },
  {
    feature: "nf_tables",
    argv: ["nft", "--file", "-"],
    stdin:
      "table ip probe { chain c { type nat hook postrouting priority 100; ip saddr 10.0.0.0/8 counter masquerade; }; }\n",
  },
];

async function kernelFindings(missing: readonly string[]): Promise<Finding[]> {
  if (missing.some((name) => ["util-linux", "iproute2", "nftables", "kmod"].includes(name))) return [];
  const failed = await Promise.all(
    probes.map(async ({ feature, argv, stdin }) => {
      const { exitCode } = await run(["unshare", "--net", "--", ...argv], {
        timeoutMs: 20_000,
        ...(stdin ? { stdin } : {}),
      });
      return exitCode === 0 ? [] : [feature];
    }),
  );
  const overlay = (await hasFilesystem("overlay")) ? [] : ["overlay"];
  return [...failed.flat(), ...overlay].map((feature) => ({
    id: `kernel.${feature}`,
    severity: "error",
    text: `The host's kernel has no ${feature}`,
    fix: `use a kernel with it, or install its extra modules (Ubuntu: linux-modules-extra-$(uname -r)), then modprobe ${feature}`,
  }));
}

async function hasFilesystem(name: string): Promise<boolean> {
  const known = async () =>
    ((await readText("/proc/filesystems")) ?? "").split("\n").some((line) => line.split("\t")[1] === name);
  if (await known()) return true;
  await run(["modprobe", name], { timeoutMs: 20_000 });
  return await known();
}

async function firewallFindings(): Promise<Finding[]> {
  const [chains, tables] = [
    await findDroppingChains(),
    (await run(["nft", "list", "tables"], { timeoutMs: 10_000 })).stdout,
  ];
  return [...(tables.includes("firewalld") ? [firewalldFinding] : []), ...chains.map(changedChain)];
}

/** firewalld rejects by rules, not by policy, and forgets foreign rules when it reloads: it has to be told itself. */
const firewalldFinding: Finding = {
  id: "firewall.firewalld",
  severity: "warning",
  text: "firewalld is active and may reject what machines send",
  fix: "firewall-cmd --zone=trusted --add-interface=BRIDGE, with the machines' bridge",
};

function changedChain({ family, table, chain, hook }: DroppingChain): Finding {
  const what =
    hook === "forward"
      ? "what machines send to the outside and to each other"
      : "what machines send to the host";
  return {
    id: `firewall.${hook}`,
    severity: "change",
    text: `The firewall chain ${family} ${table} ${chain} drops ${what}: rules that let our bridge through will be put at its front`,
  };
}

async function sysctlFindings(): Promise<Finding[]> {
  return (await sysctlsToRaise()).map(({ key, from, to }) => ({
    id: `sysctl.${key}`,
    severity: "change",
    text: `The kernel setting ${key} will be changed from ${from} to ${to}`,
  }));
}
