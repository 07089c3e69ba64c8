/** The pure parts of what reads and changes the host. */
import { describe, expect, test } from "vitest";
import {
  isUnified,
  joinFiles,
  limitFiles,
  machineGroups,
  missingControllers,
  parseCgroupMounts,
} from "../src/cgroups.ts";
import { debianSources, parseOsRelease } from "../src/debian.ts";
import { droppingChains, gateCommands } from "../src/firewall.ts";
import { bridgeAddress, hostsBlock, machineResolvConf, ruleset } from "../src/network.ts";
import { checkPath, nspawnName } from "../src/names.ts";
import { freeRange, overlapFindings } from "../src/ranges.ts";
import { parseStat } from "../src/proc.ts";
import { exitCode } from "../src/store.ts";
import { parseSubnet } from "../src/subnet.ts";
import { changes } from "../src/watch.ts";
import type { Machine } from "../src/index.ts";

const hybrid = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate`;
const unified =
  "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot";

describe("control groups", () => {
  test("both versions and the mix of them are told apart", () => {
    expect(parseCgroupMounts(hybrid).map(({ version, controllers }) => [version, ...controllers])).toEqual([
      [1, "cpu", "cpuacct"],
      [1, "memory"],
      [1, "name=systemd"],
      [2],
    ]);
    expect([
      isUnified(parseCgroupMounts(hybrid)),
      isUnified(parseCgroupMounts(unified)),
      isUnified([]),
    ]).toEqual([false, true, false]);
  });

  test("a controller that no tree offers is found missing", async () => {
    const all = parseCgroupMounts(hybrid);
    expect(await missingControllers(all)).toEqual(["cpuset", "pids"]);
    expect(await missingControllers([])).toEqual(["cpu", "cpuset", "memory", "pids"]);
  });

  test("a machine has one group per tree", () => {
    expect(machineGroups(parseCgroupMounts(unified), "x", "n1")).toEqual(["/sys/fs/cgroup/cantrip-x/n1"]);
    expect(machineGroups(parseCgroupMounts(hybrid), "x", "n1")).toContain(
      "/sys/fs/cgroup/cpu,cpuacct/cantrip-x/n1",
    );
  });

  test("a process joins another's group in each tree", () => {
    const text =
      "4:cpu,cpuacct:/cantrip-x/n1\n3:memory:/cantrip-x/n1\n2:freezer:/not-mounted\n1:name=systemd:/cantrip-x/n1/init.scope\n0::/cantrip-x/n1\n";
    expect(joinFiles(parseCgroupMounts(hybrid), text)).toEqual([
      "/sys/fs/cgroup/cpu,cpuacct/cantrip-x/n1/cgroup.procs",
      "/sys/fs/cgroup/memory/cantrip-x/n1/cgroup.procs",
      "/sys/fs/cgroup/systemd/cantrip-x/n1/init.scope/cgroup.procs",
      "/sys/fs/cgroup/unified/cantrip-x/n1/cgroup.procs",
    ]);
    expect(joinFiles(parseCgroupMounts(unified), "0::/system.slice/u.service/payload/init.scope\n")).toEqual([
      "/sys/fs/cgroup/system.slice/u.service/payload/init.scope/cgroup.procs",
    ]);
  });

  test("limits are written as each version calls them", () => {
    const limits = { memoryBytes: 1024, cpus: 0.5, tasks: 9 };
    expect(limitFiles({ version: 2, path: "/", controllers: [] }, limits)).toEqual([
      ["memory.max", "1024"],
      ["pids.max", "9"],
      ["cpu.max", "50000 100000"],
    ]);
    expect(limitFiles({ version: 1, path: "/", controllers: ["cpu"] }, limits)).toEqual([
      ["cpu.cfs_period_us", "100000"],
      ["cpu.cfs_quota_us", "50000"],
    ]);
  });
});

describe("Debian sources", () => {
  const stanza =
    "Types: deb deb-src\n# a comment\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";

  test("both formats give lines for the suite", () => {
    expect(debianSources(stanza, "bookworm")).toEqual([
      "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm main contrib",
      "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm-updates main contrib",
    ]);
    expect(
      debianSources(
        "deb https://mirror.example/debian bookworm main # why\ndeb https://s.example bookworm-security main\n",
        "bookworm",
      ),
    ).toEqual([
      "deb https://mirror.example/debian bookworm main",
      "deb https://s.example bookworm-security main",
    ]);
  });

  test.each([
    ["another suite", "deb http://mirror.example/debian trixie main\n"],
    ["a third party's key", "deb [signed-by=/etc/apt/keyrings/x.gpg] http://x.example bookworm main\n"],
    ["a disc", "deb cdrom:[Debian]/ bookworm main\n"],
    ["a disabled stanza", `${stanza}Enabled: no\n`],
    ["security alone", "deb http://s.example bookworm-security main\n"],
    ["nothing", ""],
  ])("%s gives none, so that the default mirror is used", (_, text) => {
    expect(debianSources(text, "bookworm")).toEqual([]);
  });

  test("os-release is read with and without quotes", () => {
    expect(parseOsRelease('ID=debian\nVERSION_CODENAME=bookworm\nNAME="Debian GNU/Linux"\n')).toMatchObject({
      ID: "debian",
      NAME: "Debian GNU/Linux",
    });
  });
});

describe("firewalls", () => {
  const json = JSON.stringify({
    nftables: [
      { metainfo: {} },
      { chain: { family: "ip", table: "filter", name: "FORWARD", hook: "forward", policy: "drop" } },
      { chain: { family: "ip", table: "filter", name: "INPUT", hook: "input", policy: "accept" } },
      { chain: { family: "inet", table: "fw", name: "in", hook: "input", policy: "drop" } },
      { chain: { family: "ip6", table: "filter", name: "FORWARD", hook: "forward", policy: "drop" } },
      { chain: { family: "ip", table: "filter", name: "DOCKER" } },
    ],
  });

  test("chains that drop what machines send are found", () => {
    expect(droppingChains(json).map(({ family, chain }) => `${family} ${chain}`)).toEqual([
      "ip FORWARD",
      "inet in",
    ]);
    expect(droppingChains("")).toEqual([]);
  });

  test("iptables' own chains are changed by iptables, others by nft", () => {
    const [docker, other] = droppingChains(json).map((chain) =>
      gateCommands(chain, "x", "br0").map((command) => command.join(" ")),
    );
    expect(docker).toEqual([
      "iptables -w 10 -I FORWARD 1 -i br0 -m comment --comment cantrip-x -j ACCEPT",
      "iptables -w 10 -I FORWARD 1 -o br0 -m comment --comment cantrip-x -j ACCEPT",
    ]);
    expect(other).toEqual(['nft insert rule inet fw in iifname "br0" accept comment "cantrip-x"']);
  });

  test("machines go out under the host's address, or not at all", () => {
    const spec = { id: "x", bridge: "br0", subnet: parseSubnet("10.78.1.0/24") };
    expect(ruleset({ ...spec, nat: true })).toContain("masquerade");
    expect(ruleset({ ...spec, nat: true })).not.toContain("drop");
    expect(ruleset({ ...spec, nat: false })).not.toContain("masquerade");
    expect(ruleset({ ...spec, nat: false })).toContain("drop");
  });
});

describe("preflight's ranges", () => {
  const routes = [
    { dst: "default", dev: "eth0" },
    { dst: "192.0.2.0/24", dev: "eth0" },
    { dst: "10.77.0.0/24", dev: "ours0" },
    { dst: "10.64.0.0/16", dev: "vpn0" },
    { dst: "172.17.0.1", dev: "docker0", type: "local" },
  ];
  const good = {
    subnet: "10.77.0.0/24",
    podCidr: "10.1.0.0/16",
    serviceCidr: "10.152.183.0/24",
    bridge: "ours0",
  };

  test("ranges of their own are no finding, nor is the bridge's own route", () => {
    expect(overlapFindings(good, routes)).toEqual([]);
  });

  test.each([
    ["subnet", { subnet: "192.0.2.128/25" }, "overlaps the host's route 192.0.2.0/24 on eth0"],
    ["podCidr", { podCidr: "10.64.5.0/24" }, "overlaps the host's route 10.64.0.0/16 on vpn0"],
    ["serviceCidr", { serviceCidr: "172.17.0.0/16" }, "overlaps the host's route 172.17.0.1/32 on docker0"],
    ["serviceCidr", { serviceCidr: "10.1.9.0/24" }, "overlaps podCidr 10.1.0.0/16"],
  ])("%s %j is named with a free range", (option, wrong, text) => {
    const [finding] = overlapFindings({ ...good, ...wrong }, routes);
    expect(finding).toMatchObject({
      id: `range.${option}`,
      severity: "error",
      fix: expect.stringContaining("10.65.0.0/") as string,
    });
    expect(finding?.text).toContain(text);
  });

  test("the range proposed overlaps nothing", () => {
    expect(freeRange([parseSubnet("10.64.0.0/15")], 16)).toBe("10.66.0.0/16");
    expect(freeRange([parseSubnet("10.0.0.0/8")], 16)).toBe("another private range");
  });
});

describe("names and texts", () => {
  test("a machine's cable fits into the kernel's 15 characters and differs between instances", () => {
    const names = [nspawnName("a", "n1"), nspawnName("b", "n1"), nspawnName("a", "n2")];
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(`vb-${name}`).toHaveLength(15);
  });

  test("a bridge's hardware address is a local, single one", () => {
    expect(bridgeAddress("cantrip")).toMatch(/^02(:[0-9a-f]{2}){5}$/);
    expect(bridgeAddress("a")).not.toBe(bridgeAddress("b"));
  });

  test.each(["relative", "/a:b", "/a,b", "/a b", "/a/../b", '/a"', "/a\n"])(
    "%j is no path for a mount",
    (path) => {
      expect(() => checkPath("the path", path)).toThrow("Cannot use");
    },
  );

  test("name servers that machines cannot reach are passed over", () => {
    expect(
      machineResolvConf(["nameserver 127.0.0.53\nsearch a\n", "# x\nnameserver 192.0.2.53\nsearch b\n"]),
    ).toBe("nameserver 192.0.2.53\nsearch b\n");
    expect(machineResolvConf(["nameserver ::1\n", ""])).not.toMatch(/^nameserver/m);
    expect(machineResolvConf(["nameserver 127.0.0.1\nnameserver 192.0.2.1\n"])).toBe(
      "nameserver 192.0.2.1\n",
    );
  });

  test("the hosts block is sorted and marked", () => {
    const machines = [
      { name: "b", address: "10.0.0.2" },
      { name: "a", address: "10.0.0.1" },
    ];
    expect(hostsBlock(machines)).toBe("# cantrip: begin\n10.0.0.1 a\n10.0.0.2 b\n# cantrip: end\n");
  });

  test.each([
    ["0", 0],
    ["133", 133],
    ["KILL", 137],
    ["", 0],
  ])("an exit written as %j is %i", (text, code) => {
    expect(exitCode(text)).toBe(code);
  });

  test("a process whose name holds brackets and spaces is read right", () => {
    const fields = ["S", "7", ...Array.from({ length: 17 }, () => "0"), "4242", "0"].join(" ");
    expect(parseStat(`12 (a) (b c) ${fields}\n`)).toEqual({
      comm: "a) (b c",
      state: "S",
      ppid: 7,
      startTime: "4242",
    });
  });
});

describe("watching", () => {
  const machine = (more: Partial<Machine>): Machine => ({
    name: "m",
    address: "",
    machineId: "",
    createdAt: "",
    state: "running",
    desired: "up",
    ...more,
  });
  test.each([
    ["started", [], [machine({ leaderPid: 1 })], { kind: "started", name: "m" }],
    [
      "started",
      [machine({ state: "stopped" })],
      [machine({ state: "starting" })],
      { kind: "started", name: "m" },
    ],
    ["rebooted", [machine({ leaderPid: 1 })], [machine({ leaderPid: 2 })], { kind: "rebooted", name: "m" }],
    [
      "rebooted",
      [machine({ leaderPid: 1 })],
      [machine({ state: "starting" })],
      { kind: "rebooted", name: "m" },
    ],
    [
      "died",
      [machine({ leaderPid: 1 })],
      [machine({ state: "stopped" })],
      { kind: "stopped", name: "m", expected: false },
    ],
    [
      "stopped",
      [machine({ leaderPid: 1 })],
      [machine({ state: "stopped", desired: "down", lastExit: { code: 0, at: "" } })],
      { kind: "stopped", name: "m", expected: true, code: 0 },
    ],
    ["destroyed", [machine({ leaderPid: 1 })], [], { kind: "stopped", name: "m", expected: true }],
  ])("a machine that %s is reported once", (_, before, now, event) => {
    expect(changes(before, now)).toEqual([event]);
    expect(changes(now, now)).toEqual([]);
  });

  test("what ends a start or a reboot is no event of its own", () => {
    expect(changes([machine({ state: "starting" })], [machine({ leaderPid: 2 })])).toEqual([]);
  });
});
