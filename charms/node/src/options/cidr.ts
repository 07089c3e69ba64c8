/** Checks of the CIDR options, with the texts that operators of Canonical's charm know. */
import { isIPv4, isIPv6 } from "node:net";

/** What is wrong with a comma-separated list of one or two networks; undefined if nothing is. */
export function problemOfCidrs(option: string, value: string): string | undefined {
  if (value === "") return undefined;
  const blocks = value.split(",");
  if (blocks.length > 2) return `${option} must contain 1 or 2 CIDR blocks, not ${blocks.length}.`;
  const problem = blocks.map(problemOfBlock).find((found) => found !== undefined);
  if (problem !== undefined) return problem;
  const families = new Set(blocks.map((block) => (block.includes(":") ? 6 : 4)));
  if (blocks.length !== families.size) return `${option} must contain one IPv4 and one IPv6 CIDR block.`;
  return undefined;
}

function problemOfBlock(block: string): string | undefined {
  const [address = "", length = "", ...rest] = block.split("/");
  const bits = isIPv4(address) ? 32 : isIPv6(address) && !address.includes("%") ? 128 : 0;
  const prefix = Number(length || bits);
  const isNetwork = bits > 0 && rest.length === 0 && /^\d{0,3}$/u.test(length) && prefix <= bits;
  if (!isNetwork) return `'${block}' does not appear to be an IPv4 or IPv6 network`;
  if (prefix === bits) return `CIDR '${block}' is a single IP address.`;
  return isFirstOf(address, prefix, bits === 32 ? "ipv4" : "ipv6") ? undefined : `${block} has host bits set`;
}

/** The first address of a network has no address of that network before it. */
function isFirstOf(address: string, prefix: number, family: "ipv4" | "ipv6"): boolean {
  const bytes = family === "ipv4" ? address.split(".").map(Number) : bytesOfIPv6(address);
  return bytes.every((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - index * 8));
    return (byte & (0xff >> kept)) === 0;
  });
}

function bytesOfIPv6(address: string): number[] {
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<number>(zeros).fill(0), ...after].flatMap((group) => [
    group >> 8,
    group & 0xff,
  ]);
}
