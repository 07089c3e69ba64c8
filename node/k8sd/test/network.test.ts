/** What a node's network must look like. */
import { expect, test } from "vitest";
import type { NodeObject } from "../src/kube/client.ts";
import { contains, nthAddress, overlaps, parseCidr } from "../src/network/cidr.ts";
import { cniConfig } from "../src/network/cni.ts";
import { hardwareAddress, hopOf } from "../src/network/tunnel.ts";
import { byLink } from "../src/network/ways.ts";
import { firstNodeRange, masqueradeRules, planFor } from "../src/network/plan.ts";

const node = (name: string, podCIDR?: string, address?: string): NodeObject => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name },
  spec: podCIDR ? { podCIDR } : {},
  ...(address && {
    status: {
      addresses: [
        { type: "Hostname", address: name },
        { type: "InternalIP", address },
      ],
    },
  }),
});

test("a node routes the ranges of all others to their addresses", () => {
  const plan = planFor("b", [
    node("c", "10.1.2.0/24", "10.0.0.3"),
    node("b", "10.1.1.0/24", "10.0.0.2"),
    node("a", "10.1.0.0/24", "10.0.0.1"),
  ]);
  expect(plan).toEqual({
    podCidr: "10.1.1.0/24",
    routes: [
      { cidr: "10.1.0.0/24", via: "10.0.0.1" },
      { cidr: "10.1.2.0/24", via: "10.0.0.3" },
    ],
    nodes: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
  });
});

test("nodes that have no range or address yet are left out", () => {
  expect(planFor("a", [node("a"), node("b", "10.1.1.0/24"), node("c", undefined, "10.0.0.3")])).toEqual({
    podCidr: undefined,
    routes: [],
    nodes: ["10.0.0.3"],
  });
});

test("only what leaves the cluster is masqueraded", () => {
  const rules = masqueradeRules("10.1.0.0/16", ["10.0.0.1", "10.0.0.2"]);
  expect(rules).toContain("elements = { 10.0.0.1, 10.0.0.2 }");
  expect(rules).toContain("ip saddr 10.1.0.0/16 ip daddr != 10.1.0.0/16 ip daddr != @nodes");
  expect(masqueradeRules("10.1.0.0/16", [])).not.toContain("elements");
});

test("pods get point-to-point interfaces in the node's range, with leases that end with the boot", () => {
  expect(cniConfig("10.1.3.0/24", 1450)).toMatchObject({
    plugins: [
      {
        type: "ptp",
        mtu: 1450,
        ipMasq: false,
        ipam: { dataDir: "/run/cantrip/ipam", ranges: [[{ subnet: "10.1.3.0/24" }]] },
      },
      { type: "portmap" },
    ],
  });
});

test("a node's place in the tunnel follows from its address and its range", () => {
  expect(hardwareAddress("10.78.3.20")).toBe("02:9e:0a:4e:03:14");
  expect(hardwareAddress("192.168.0.1")).toBe("02:9e:c0:a8:00:01");
  expect(hopOf("10.1.7.0/24")).toBe("10.1.7.0");
});

test("a way that the kernel does not tell is that route's problem alone", async () => {
  const [near, lost] = [
    { cidr: "10.1.1.0/24", via: "127.0.0.1" },
    { cidr: "10.1.2.0/24", via: "300.0.0.1" },
  ];
  const ways = await byLink([near, lost]);
  expect(ways).toMatchObject({ direct: [near], remote: [], unknown: [lost] });
  expect(ways.problems).toEqual([
    expect.stringMatching(
      /^pods of 10\.1\.2\.0\/24 cannot be reached by 300\.0\.0\.1: ip -json exited with \d+: .+/,
    ),
  ]);
  // What it told before holds until it tells something else.
  expect(await byLink([near, lost], new Map([["300.0.0.1", true]]))).toMatchObject({
    direct: [near],
    remote: [lost],
    problems: ways.problems,
  });
});

test("the first node's range is the first /24", () =>
  expect(firstNodeRange("10.64.0.0/14")).toBe("10.64.0.0/24"));

test("ranges are counted and compared", () => {
  expect(nthAddress("10.152.183.0/24", 10)).toBe("10.152.183.10");
  expect(nthAddress("10.0.255.0/20".replace("255", "240"), 300)).toBe("10.0.241.44");
  expect(overlaps(parseCidr("10.0.0.0/8"), parseCidr("10.1.0.0/16"))).toBe(true);
  expect(overlaps(parseCidr("10.0.0.0/16"), parseCidr("10.1.0.0/16"))).toBe(false);
  expect(contains("10.1.0.0/16", "10.1.255.255")).toBe(true);
  expect(contains("10.1.0.0/16", "10.2.0.0")).toBe(false);
});

test.each([
  "",
  "10.0.0.0",
  "10.0.0.0/33",
  "10.0.0.0/-1",
  "10.0.0.0/08",
  "10.0.0.1/8",
  "::/0",
  "10.0.0.0/8/8",
  "1.2.3/8",
])("%j is no range", (cidr) => {
  expect(() => parseCidr(cidr)).toThrow(TypeError);
});
