/** The link that a node's address is on. */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

export interface Link {
  readonly name: string;
  readonly mtu: number;
}

const USUAL_MTU = 1500;

/** The link of an address of this machine; undefined if no interface has it (any more). */
export function linkOf(address: string): Link | undefined {
  const found = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some((one) => one.address === address),
  );
  return found && { name: found[0], mtu: mtuOf(found[0]) };
}

function mtuOf(name: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/mtu`, "utf8")) || USUAL_MTU;
  } catch {
    return USUAL_MTU;
  }
}
