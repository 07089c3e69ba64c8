/** IPv4 ranges: parse, overlap, pick a free address. Pure. */
import { MachineInvalid } from "./errors.ts";

export interface Subnet {
  text: string;
  base: number;
  prefix: number;
  size: number;
}

export function parseAddress(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (!parts || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export const formatAddress = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

/** @throws MachineInvalid */
export function parseSubnet(text: string): Subnet {
  const [addressText = "", prefixText = ""] = text.split("/");
  const address = parseAddress(addressText);
  const prefix = /^\d{1,2}$/.test(prefixText) ? Number(prefixText) : 33;
  if (address === undefined || prefix > 32) {
    throw new MachineInvalid(`Cannot use ${JSON.stringify(text)} as a range: expected IPv4 like 10.1.0.0/16`);
  }
  const size = 2 ** (32 - prefix);
  return { text, base: address - (address % size), prefix, size };
}

export const overlaps = (a: Subnet, b: Subnet): boolean =>
  a.base < b.base + b.size && b.base < a.base + a.size;
export const contains = (subnet: Subnet, address: number): boolean =>
  address >= subnet.base && address < subnet.base + subnet.size;

/** The first address: the bridge's, which is the machines' way out. */
export const gatewayOf = (subnet: Subnet): string => formatAddress(subnet.base + 1);

/** The lowest free address, leaving the first ten to the host. @throws MachineInvalid when none is left */
export function pickAddress(subnet: Subnet, taken: ReadonlySet<string>): string {
  for (let offset = 10; offset < subnet.size - 1; offset++) {
    const address = formatAddress(subnet.base + offset);
    if (!taken.has(address)) return address;
  }
  throw new MachineInvalid(
    `Cannot find a free address in ${subnet.text}: ${taken.size} are taken; destroy a machine or use a wider range`,
  );
}

/** @throws MachineInvalid if it is not a machine's address of this subnet, or another machine's */
export function checkAddress(subnet: Subnet, address: string, taken: ReadonlySet<string>): void {
  const value = parseAddress(address);
  const usable = value !== undefined && value > subnet.base + 1 && value < subnet.base + subnet.size - 1;
  if (!usable)
    throw new MachineInvalid(
      `Cannot use ${JSON.stringify(address)} as an address: expected one of ${subnet.text} after ${gatewayOf(subnet)}`,
    );
  if (taken.has(address)) throw new MachineInvalid(`Cannot use ${address} for a second machine: it is taken`);
}
