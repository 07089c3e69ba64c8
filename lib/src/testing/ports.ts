import type { PortRange } from "@cantrip/model";
import { GivenError } from "./given.ts";

/** `80/tcp`, `8000-8100/udp`, `icmp`. */
export function parsePort(text: string): PortRange {
  if (text === "icmp") return { endpoint: "", from: -1, to: -1, protocol: "icmp" };
  const [, from, to = from, protocol] = /^(\d+)(?:-(\d+))?\/(tcp|udp)$/.exec(text) ?? [];
  if (from === undefined || protocol === undefined)
    throw new GivenError(`"${text}" is no port: expected such as "80/tcp"`);
  return { endpoint: "", from: Number(from), to: Number(to), protocol: protocol === "tcp" ? "tcp" : "udp" };
}

export function formatPort({ from, to, protocol }: PortRange): string {
  if (protocol === "icmp") return "icmp";
  return from === to ? `${from}/${protocol}` : `${from}-${to}/${protocol}`;
}
