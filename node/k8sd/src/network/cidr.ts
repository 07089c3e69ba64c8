/** IPv4 ranges as the daemon needs them: parsed strictly, compared, and counted into. */
import { BlockList, isIPv4 } from "node:net";

export interface Range {
  readonly first: number;
  readonly prefix: number;
}

export const toNumber = (address: string): number =>
  address.split(".").reduce((value, part) => value * 256 + Number(part), 0);
export const toAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

/** @throws TypeError if it is no IPv4 range, or an address within one instead of the range itself */
export function parseCidr(cidr: string): Range {
  const [address = "", prefix = "", ...rest] = cidr.split("/");
  const valid = isIPv4(address) && /^(?:[0-9]|[12][0-9]|3[0-2])$/.test(prefix) && rest.length === 0;
  if (!valid)
    throw new TypeError(
      `Cannot use ${JSON.stringify(cidr.slice(0, 64))} as a range: expected an IPv4 CIDR such as 10.1.0.0/16`,
    );
  const range = { first: toNumber(address), prefix: Number(prefix) };
  if (range.first % sizeOf(range) === 0) return range;
  const start = toAddress(range.first - (range.first % sizeOf(range)));
  throw new TypeError(`Cannot use ${cidr} as a range: expected it to start at ${start}/${prefix}`);
}

export const sizeOf = ({ prefix }: Range) => 2 ** (32 - prefix);

export const overlaps = (a: Range, b: Range): boolean =>
  a.first < b.first + sizeOf(b) && b.first < a.first + sizeOf(a);

export const contains = (cidr: string, address: string): boolean => {
  const range = parseCidr(cidr);
  const list = new BlockList();
  list.addSubnet(toAddress(range.first), range.prefix);
  return isIPv4(address) && list.check(address);
};

/** The nth address of a range, the first being the 0th. */
export function nthAddress(cidr: string, n: number): string {
  const range = parseCidr(cidr);
  if (n < sizeOf(range)) return toAddress(range.first + n);
  throw new TypeError(`Cannot take address ${n} of ${cidr}: expected a larger range`);
}
