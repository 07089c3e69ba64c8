/** Ranges for machines, pods and services that are not in use on this host. */
import ipaddr from "ipaddr.js";
import { execa } from "execa";

export interface Ranges {
  readonly machines: string;
  readonly pods: string;
  readonly services: string;
}

const candidates: Record<keyof Ranges, readonly string[]> = {
  machines: ["10.77.0.0/24", "10.177.0.0/24", "172.29.77.0/24", "192.168.177.0/24"],
  pods: ["10.1.0.0/16", "10.241.0.0/16", "172.26.0.0/16"],
  services: ["10.152.183.0/24", "10.253.183.0/24", "172.28.183.0/24"],
};

/** Whether two IPv4 ranges share an address. */
export function overlap(one: string, other: string): boolean {
  const [a, aBits] = ipaddr.IPv4.parseCIDR(one);
  const [b, bBits] = ipaddr.IPv4.parseCIDR(other);
  const bits = Math.min(aBits, bBits);
  return a.match(b, bits);
}

/**
 * The first range of each kind that overlaps nothing in use.
 * @throws Error when every candidate of a kind is taken; it names what takes them
 */
export function chooseRanges(inUse: readonly string[], wanted: Partial<Ranges> = {}): Ranges {
  const choose = (kind: keyof Ranges): string => {
    const fixed = wanted[kind];
    const free = (fixed ? [fixed] : candidates[kind]).find((range) =>
      inUse.every((other) => !overlap(range, other)),
    );
    if (free) return free;
    throw new Error(
      `No free address range for ${kind}: ${(fixed ? [fixed] : candidates[kind]).join(", ")} overlap what this host uses (${inUse.join(", ")})`,
    );
  };
  return { machines: choose("machines"), pods: choose("pods"), services: choose("services") };
}

interface Route {
  readonly dst?: string;
  readonly dev?: string;
}

/** IPv4 ranges that the host has routes to, without the default route and without the devices named. */
export async function rangesInUse(ownDevices: readonly string[]): Promise<string[]> {
  const { stdout } = await execa("ip", ["-json", "-4", "route", "show", "table", "all"], { timeout: 10_000 });
  const routes = JSON.parse(stdout || "[]") as Route[];
  const ranges = routes
    .filter(({ dst, dev }) => dst !== undefined && dst !== "default" && !ownDevices.includes(dev ?? ""))
    .map(({ dst = "" }) => (dst.includes("/") ? dst : `${dst}/32`))
    .filter((range) => ipaddr.IPv4.isValidCIDR(range) && !overlap(range, "127.0.0.0/8"));
  return [...new Set(ranges)];
}
