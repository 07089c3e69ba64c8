/**
 * The way to pods on nodes of other links: one VXLAN device of the kernel. Nothing is learned and nothing exchanged: a node's
 * hardware address on it follows from its address, and the Nodes tell the rest.
 */
import { run, ToolError } from "../base/run.ts";
import { toNumber } from "./cidr.ts";
import type { Route } from "./plan.ts";
import { eachAlone, notReached } from "./ways.ts";

export const DEVICE = "cantrip-vxlan";
/** Marks our routes, so that no other route is ever touched. */
export const ROUTE_PROTOCOL = "158";
const NETWORK_ID = "158";
/** The port that hosts' firewalls know VXLAN by, not the kernel's own default. */
const PORT = 8472;
/** Ethernet, IPv4, UDP and VXLAN around each packet. */
export const OVERHEAD = 50;

/** A locally administered hardware address that follows from an IPv4 address. */
export const hardwareAddress = (address: string): string => {
  const octets = toNumber(address).toString(16).padStart(8, "0").match(/../g) ?? [];
  return ["02", "9e", ...octets].join(":");
};

/** By this address a node is the next hop on the device: the first of its range, which no pod gets. */
export const hopOf = (podCidr: string): string => podCidr.split("/")[0]!;

interface Device {
  readonly ifname: string;
  readonly linkinfo?: { readonly info_data?: { readonly port?: number } };
}

/** Another device that takes the port's packets; undefined if there is none. */
async function rival(): Promise<string | undefined> {
  const devices = JSON.parse(
    (await run(["ip", "-json", "-details", "link", "show", "type", "vxlan"])) || "[]",
  ) as Device[];
  return devices.find(({ ifname, linkinfo }) => ifname !== DEVICE && linkinfo?.info_data?.port === PORT)
    ?.ifname;
}

export interface Tunnel {
  /** This node's address, and the range of its pods. */
  readonly address: string;
  readonly podCidr: string;
  readonly link: { readonly name: string; readonly mtu: number };
  readonly remotes: readonly Route[];
}

/** Makes the device and what it knows exactly this. Returns what is in its way. */
export async function applyTunnel({ address, podCidr, link, remotes }: Tunnel): Promise<string[]> {
  if (remotes.length === 0) {
    await removeTunnel();
    return [];
  }
  const other = await rival();
  if (other)
    return [
      `${other} uses UDP port ${PORT}, which nodes on other links need: remove it, or give it another port`,
    ];
  await ensureDevice(address, link);
  await run(["ip", "address", "replace", `${hopOf(podCidr)}/32`, "dev", DEVICE]);
  await forgetOthers(remotes);
  return eachAlone(remotes, notReached, teach);
}

async function ensureDevice(address: string, { name, mtu }: Tunnel["link"]): Promise<void> {
  const make = ["ip", "link", "add", DEVICE, "type", "vxlan", "id", NETWORK_ID] as const;
  const how = ["local", address, "dev", name, "dstport", String(PORT), "nolearning"];
  try {
    await run([...make, ...how]);
  } catch (error) {
    if (!(error instanceof ToolError) || !/File exists/.test(error.stderr)) throw error;
  }
  await run([
    "ip",
    "link",
    "set",
    DEVICE,
    "address",
    hardwareAddress(address),
    "mtu",
    String(mtu - OVERHEAD),
    "up",
  ]);
}

async function teach({ cidr, via }: Route): Promise<void> {
  const [hop, mac] = [hopOf(cidr), hardwareAddress(via)];
  await run(["bridge", "fdb", "replace", mac, "dev", DEVICE, "dst", via, "self", "permanent"]);
  await run(["ip", "neighbour", "replace", hop, "lladdr", mac, "dev", DEVICE, "nud", "permanent"]);
  await run([
    "ip",
    "-4",
    "route",
    "replace",
    cidr,
    "via",
    hop,
    "dev",
    DEVICE,
    "onlink",
    "proto",
    ROUTE_PROTOCOL,
  ]);
}

/** Nodes that are gone, or have another address now. */
async function forgetOthers(remotes: readonly Route[]): Promise<void> {
  const macs = new Set(remotes.map(({ via }) => hardwareAddress(via)));
  const hops = new Set(remotes.map(({ cidr }) => hopOf(cidr)));
  const entries = JSON.parse((await run(["bridge", "-json", "fdb", "show", "dev", DEVICE])) || "[]") as {
    mac: string;
    dst?: string;
  }[];
  for (const { mac, dst } of entries)
    if (dst && !macs.has(mac)) await run(["bridge", "fdb", "del", mac, "dev", DEVICE, "dst", dst, "self"]);
  const neighbours = JSON.parse((await run(["ip", "-json", "neighbour", "show", "dev", DEVICE])) || "[]") as {
    dst: string;
  }[];
  for (const { dst } of neighbours)
    if (!hops.has(dst)) await run(["ip", "neighbour", "del", dst, "dev", DEVICE]);
}

/** Its routes go with the device. */
export async function removeTunnel(): Promise<void> {
  try {
    await run(["ip", "link", "del", DEVICE]);
  } catch (error) {
    if (!(error instanceof ToolError) || !/Cannot find device/.test(error.stderr)) throw error;
  }
}
