/** The address of this node: given, the one inside a given range, or the one that leads out of the machine. */
import { isIPv4 } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { UserError } from "./errors.ts";

const localAddresses = () =>
  Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? [])
      .filter(({ family, internal }) => family === "IPv4" && !internal)
      .map(({ address }) => address),
  );

const toNumber = (address: string) =>
  address.split(".").reduce((value, part) => value * 256 + Number(part), 0);

export function nodeAddress(given: string | undefined): string {
  const local = localAddresses();
  if (given === undefined || given === "")
    return `${local[0] ?? refuse("Cannot find an address of this machine; give one with --address")}:6400`;
  if (given.includes("/")) return `${within(given, local)}:6400`;
  return given.includes(":") ? given : `${given}:6400`;
}

function within(cidr: string, local: readonly string[]): string {
  const [address = "", prefix = ""] = cidr.split("/");
  if (!isIPv4(address) || !/^\d{1,2}$/.test(prefix) || Number(prefix) > 32)
    refuse(`Cannot use --address ${cidr}: expected an address or a range such as 10.0.0.0/24`);
  const size = 2 ** (32 - Number(prefix));
  const first = Math.floor(toNumber(address) / size) * size;
  const found = local.find((candidate) => toNumber(candidate) >= first && toNumber(candidate) < first + size);
  return (
    found ??
    refuse(
      `Cannot use --address ${cidr}: this machine has no address in it (it has ${local.join(", ") || "none"})`,
    )
  );
}

function refuse(message: string): never {
  throw new UserError(message);
}

export const nodeName = (given: string | undefined): string => given ?? hostname().toLowerCase();
