/** Ranges for machines, pods and services that get in each other's way or in that of the host's routes. */
import type { Finding, PreflightOptions } from "./preflight.ts";
import { run } from "./run.ts";
import { contains, formatAddress, overlaps, parseAddress, parseSubnet, type Subnet } from "./subnet.ts";

interface Route {
  dst: string;
  dev?: string;
  type?: string;
}

export async function rangeFindings(options: PreflightOptions): Promise<Finding[]> {
  const { stdout } = await run(["ip", "-4", "-json", "route", "show", "table", "all"], { timeoutMs: 10_000 });
  return overlapFindings(options, JSON.parse(stdout || "[]") as Route[]);
}

/** Ranges that overlap each other or a route of the host, with a free one for the fix. Pure. */
export function overlapFindings(
  { subnet, podCidr, serviceCidr, bridge }: PreflightOptions,
  routes: readonly Route[],
): Finding[] {
  const ours = Object.entries({ subnet, podCidr, serviceCidr }).map(([option, text]) => ({
    option,
    range: parseSubnet(text),
  }));
  const theirs = routes
    .filter((route) => route.dst !== "default" && route.dev !== bridge && route.type !== "broadcast")
    .flatMap(asRange);
  const taken = [...ours.map(({ range }) => range), ...theirs.map(({ range }) => range)];
  const between = ours.flatMap(({ option, range }, index) =>
    ours
      .slice(index + 1)
      .filter((other) => overlaps(range, other.range))
      .map((other): Finding => {
        const fix = `use for instance ${freeRange(taken, other.range.prefix)} as ${other.option}`;
        return {
          id: `range.${other.option}`,
          severity: "error",
          text: `${other.option} ${other.range.text} overlaps ${option} ${range.text}`,
          fix,
        };
      }),
  );
  const withHost = ours.flatMap(({ option, range }) => {
    const hit = theirs.find((route) => overlaps(range, route.range));
    if (!hit) return [];
    const fix = `use for instance ${freeRange(taken, range.prefix)} as ${option}`;
    return [
      {
        id: `range.${option}`,
        severity: "error" as const,
        text: `${option} ${range.text} overlaps the host's route ${hit.text}`,
        fix,
      },
    ];
  });
  return [...between, ...withHost];
}

function asRange({ dst, dev }: Route): { range: Subnet; text: string }[] {
  const text = dst.includes("/") ? dst : `${dst}/32`;
  return parseAddress(text.split("/")[0] ?? "") === undefined
    ? []
    : [{ range: parseSubnet(text), text: `${text}${dev ? ` on ${dev}` : ""}` }];
}

/** The first private range of this size, from 10.64.0.0 on, that overlaps none of those taken. */
export function freeRange(taken: readonly Subnet[], prefix: number): string {
  const all = parseSubnet("10.0.0.0/8");
  const size = 2 ** (32 - prefix);
  for (let base = all.base + 64 * 65_536; contains(all, base); base += size) {
    const candidate: Subnet = { text: `${formatAddress(base)}/${prefix}`, base, prefix, size };
    if (!taken.some((range) => overlaps(range, candidate))) return candidate.text;
  }
  return "another private range";
}
