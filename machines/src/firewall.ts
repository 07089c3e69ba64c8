/**
 * Firewalls of the host that would drop what machines send: Docker, UFW and others set a forward or input chain to drop
 * what they do not know. We put one rule per such chain at its front, marked with our name, and take it out again.
 */
import { tableName } from "./names.ts";
import { must, run } from "./run.ts";

export interface DroppingChain {
  family: string;
  table: string;
  chain: string;
  hook: "forward" | "input";
}

interface NftObject {
  chain?: { family: string; table: string; name: string; hook?: string; policy?: string };
  rule?: { family: string; table: string; chain: string; handle: number; comment?: string };
}

/** Base chains with policy drop on the ways that machines use, from the text of `nft --json list ruleset`. */
export function droppingChains(json: string): DroppingChain[] {
  return objects(json).flatMap(({ chain }) => {
    if (!chain || chain.policy !== "drop" || !["ip", "inet"].includes(chain.family)) return [];
    if (chain.hook !== "forward" && chain.hook !== "input") return [];
    return [{ family: chain.family, table: chain.table, chain: chain.name, hook: chain.hook }];
  });
}

function objects(json: string): NftObject[] {
  return json.trim() === "" ? [] : (JSON.parse(json) as { nftables: NftObject[] }).nftables;
}

async function rulesetJson(): Promise<string> {
  return (await run(["nft", "--json", "list", "ruleset"], { timeoutMs: 10_000 })).stdout;
}

export async function findDroppingChains(): Promise<DroppingChain[]> {
  return [...droppingChains(await rulesetJson()), ...(await legacyChains())];
}

/** iptables of the old kind is not seen by nft: its chains are asked for by its own command, if the host has it. */
async function legacyChains(): Promise<DroppingChain[]> {
  const { stdout } = await run(["iptables-legacy-save", "-t", "filter"], { timeoutMs: 10_000 }).catch(() => ({
    stdout: "",
  }));
  return [...stdout.matchAll(/^:(FORWARD|INPUT) DROP /gm)].map(([, chain = ""]) => ({
    family: "legacy",
    table: "filter",
    chain,
    hook: chain === "FORWARD" ? "forward" : "input",
  }));
}

/** The commands that let a bridge's traffic through a dropping chain. Tables of iptables are changed by iptables, or it could not read them any more. */
export function gateCommands(
  { family, table, chain, hook }: DroppingChain,
  id: string,
  bridge: string,
): string[][] {
  const comment = tableName(id);
  const sides = hook === "forward" ? (["-i", "-o"] as const) : (["-i"] as const);
  if (family === "legacy" || isIptables({ family, table, chain })) {
    const command = family === "legacy" ? "iptables-legacy" : "iptables";
    return sides.map((side) => [
      command,
      "-w",
      "10",
      "-I",
      chain,
      "1",
      side,
      bridge,
      "-m",
      "comment",
      "--comment",
      comment,
      "-j",
      "ACCEPT",
    ]);
  }
  return sides.map((side) => {
    const match = side === "-i" ? "iifname" : "oifname";
    return [
      "nft",
      "insert",
      "rule",
      family,
      table,
      chain,
      match,
      `"${bridge}"`,
      "accept",
      "comment",
      `"${comment}"`,
    ];
  });
}

const isIptables = ({ family, table, chain }: Pick<DroppingChain, "family" | "table" | "chain">): boolean =>
  family === "ip" && table === "filter" && (chain === "FORWARD" || chain === "INPUT");

/** Idempotent: our earlier rules go first. */
export async function openGates(id: string, bridge: string): Promise<void> {
  await closeGates(id);
  for (const chain of await findDroppingChains()) {
    for (const command of gateCommands(chain, id, bridge)) await must(command);
  }
}

/** Removes every rule that carries our mark, whoever's chain it is in. */
export async function closeGates(id: string): Promise<void> {
  for (const { rule } of objects(await rulesetJson())) {
    if (!rule || rule.comment !== tableName(id) || (rule.family === "ip" && rule.table === "filter"))
      continue;
    await must(["nft", "delete", "rule", rule.family, rule.table, rule.chain, "handle", `${rule.handle}`]);
  }
  for (const kind of ["iptables", "iptables-legacy"]) await closeIptablesGates(kind, tableName(id));
}

async function closeIptablesGates(command: string, comment: string): Promise<void> {
  const { stdout } = await run([command, "-S"], { timeoutMs: 10_000 }).catch(() => ({ stdout: "" }));
  for (const rule of stdout
    .split("\n")
    .filter((line) => line.startsWith("-A ") && line.includes(`--comment ${comment} `))) {
    await must([command, "-w", "10", "-D", ...rule.split(" ").slice(1)]);
  }
}
