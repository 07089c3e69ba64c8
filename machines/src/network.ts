/** The machines' network on the host: one bridge, and one nftables table of our own with the way out. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { MachineInvalid } from "./errors.ts";
import { readText } from "./files.ts";
import { tableName } from "./names.ts";
import { must, run } from "./run.ts";
import { gatewayOf, type Subnet } from "./subnet.ts";

export interface NetworkSpec {
  id: string;
  bridge: string;
  subnet: Subnet;
  /** False cuts the machines off from everything but the host and each other. */
  nat: boolean;
}

/**
 * The bridge's hardware address: fixed, as a bridge without one takes that of a port and changes it with them; and made of
 * the instance's id, so that it tells from the first instant whose the bridge is.
 */
export function bridgeAddress(id: string): string {
  const digest = createHash("sha256").update(`bridge/${id}`).digest("hex");
  return `02:ca:${digest.slice(0, 8).match(/../g)?.join(":")}`;
}

export async function makeBridge({ id, bridge, subnet }: NetworkSpec): Promise<void> {
  const address = await hardwareAddress(bridge);
  if (address === undefined)
    await must(["ip", "link", "add", "name", bridge, "address", bridgeAddress(id), "type", "bridge"]);
  else if (address !== bridgeAddress(id)) {
    throw new MachineInvalid(
      `Cannot use ${bridge} as the bridge of "${id}": the host has a device of that name, with the hardware address ${address} instead of ours, ${bridgeAddress(id)}; remove it or choose another name`,
    );
  }
  await must(["ip", "link", "set", "dev", bridge, "alias", `cantrip:${id}`]);
  await must(["ip", "address", "replace", `${gatewayOf(subnet)}/${subnet.prefix}`, "dev", bridge]);
  await must(["ip", "link", "set", bridge, "up"]);
}

export async function removeBridge({ id, bridge }: Pick<NetworkSpec, "id" | "bridge">): Promise<void> {
  if ((await hardwareAddress(bridge)) === bridgeAddress(id)) await must(["ip", "link", "delete", bridge]);
}

const hardwareAddress = async (device: string): Promise<string | undefined> =>
  (await readText(`/sys/class/net/${device}/address`))?.trim();

/** Loads our table, replacing what it held in one transaction. */
export async function makeTable(spec: NetworkSpec): Promise<void> {
  await must(["nft", "--file", "-"], { stdin: ruleset(spec) });
}

export async function removeTable(id: string): Promise<void> {
  // `add` first, so that deleting what is not there is no error.
  await must(["nft", "--file", "-"], {
    stdin: `add table ip ${tableName(id)}\ndelete table ip ${tableName(id)}\n`,
  });
}

export function ruleset({ id, bridge, subnet, nat }: NetworkSpec): string {
  const table = tableName(id);
  const postrouting = nat
    ? `ip saddr ${subnet.text} ip daddr != ${subnet.text} oifname != "${bridge}" counter masquerade comment "cantrip: machines go out under the host's address"`
    : "";
  const forward = nat
    ? ""
    : `iifname "${bridge}" oifname != "${bridge}" counter drop comment "cantrip: offline"\n    iifname != "${bridge}" oifname "${bridge}" counter drop comment "cantrip: offline"`;
  return `add table ip ${table}
delete table ip ${table}
table ip ${table} {
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ${postrouting}
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ${forward}
  }
}
`;
}

/** Largest packet of the host's way out, which machines must not exceed; 1500 where there is none. */
export async function mtuOut(): Promise<number> {
  const { stdout } = await run(["ip", "-4", "-json", "route", "show", "default"], { timeoutMs: 10_000 });
  const device = (JSON.parse(stdout || "[]") as { dev?: string }[])[0]?.dev;
  const mtu = Number(device && (await readText(`/sys/class/net/${device}/mtu`)));
  return mtu > 0 ? Math.min(mtu, 1500) : 1500;
}

/**
 * The text of the machines' resolv.conf: the host's name servers, or those behind its local stub, as a loopback
 * address of the host means nothing in a machine. Without a way out it names none.
 */
export async function resolvConf({
  nat,
  nameservers,
}: {
  nat: boolean;
  nameservers?: readonly string[];
}): Promise<string> {
  if (!nat) return "# Offline: no name server.\n";
  if (nameservers) return nameservers.map((server) => `nameserver ${server}\n`).join("");
  const texts = await Promise.all(
    ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"].map((path) =>
      readFile(path, "utf8").catch(() => ""),
    ),
  );
  return machineResolvConf(texts);
}

/** Of several resolv.conf texts, the first with a name server that is not the host's own loopback. Pure. */
export function machineResolvConf(texts: readonly string[]): string {
  const isLocal = (server: string) => /^(127\.|::1$)/.test(server);
  const usable = texts.map((text) =>
    text.split("\n").filter((line) => {
      const server = /^nameserver\s+(\S+)/.exec(line)?.[1];
      return server ? !isLocal(server) : /^(search|options)\s/.test(line);
    }),
  );
  const lines = usable.find((candidate) => candidate.some((line) => line.startsWith("nameserver")));
  return lines ? `${lines.join("\n")}\n` : "# The host has no name server that machines could reach.\n";
}

/** The block that update-hosts puts into each machine's /etc/hosts. */
export function hostsBlock(machines: readonly { name: string; address: string }[]): string {
  const lines = machines.map(({ name, address }) => `${address} ${name}`).sort();
  return ["# cantrip: begin", ...lines, "# cantrip: end", ""].join("\n");
}
