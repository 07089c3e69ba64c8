/**
 * Benchmarks: each measures a peer or a yardstick in the same run and prints the ratio. `--json` prints one object per figure.
 * Nothing here fails a build; a goal that is missed is shown, and the exit code is 1.
 */
import { parseArgs } from "node:util";
import Table from "cli-table3";
import type { Benchmark, Figure } from "../test/bench/figure.ts";

const benchmarks: Record<string, { about: string; load: () => Promise<Benchmark> }> = {
  up: {
    about:
      "cantrip up to Ready nodes and DNS, against the same topology by hand; memory of what is not upstream",
    load: async () => (await import("../test/bench/up.ts")).up,
  },
  node: {
    about:
      "the node package: bootstrap and joins to Ready against the same binaries by hand; memory and CPU of k8sd, install, boot",
    load: async () => (await import("../test/bench/node.ts")).node,
  },
  boot: {
    about: "a machine from its image to booted with an address, against systemd's own boot in it",
    load: async () => (await import("../test/bench/boot.ts")).boot,
  },
  lib: {
    about:
      "what the framework costs: a hook against the runtime and ops for Python, hooks in memory, packing, the model's events",
    load: async () => (await import("../test/bench/lib.ts")).lib,
  },
};

function print(figures: readonly Figure[]): void {
  const table = new Table({
    head: ["figure", "value", "yardstick", "ratio", "goal", ""],
    style: { head: [], border: [], compact: true },
  });
  const shown = (value: number | undefined, unit: string): string =>
    value === undefined ? "" : `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`;
  for (const { name, value, unit, yardstick, ratio, goal, ok } of figures)
    table.push([
      name,
      shown(value, unit),
      yardstick ? `${shown(yardstick.value, unit)} (${yardstick.name})` : "",
      ratio === undefined ? "" : ratio.toFixed(2),
      goal ?? "",
      ok === undefined ? "" : ok ? "ok" : "missed",
    ]);
  console.log(table.toString());
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, list: { type: "boolean" }, help: { type: "boolean", short: "h" } },
});
const [name] = positionals;
if (values.help) {
  console.log("usage: scripts/bench NAME [--json]\n       scripts/bench --list");
} else if (values.list) {
  for (const [key, { about }] of Object.entries(benchmarks)) console.log(`${key.padEnd(10)}${about}`);
} else if (!name || !Object.hasOwn(benchmarks, name)) {
  console.error(
    `${name ? `no such benchmark: ${name}` : "a benchmark's name is missing"}; expected one of ${Object.keys(benchmarks).join(", ")}`,
  );
  process.exitCode = 2;
} else {
  const run = await benchmarks[name]!.load();
  const figures = await run((line) => console.error(line));
  if (values.json) for (const figure of figures) console.log(JSON.stringify(figure));
  else print(figures);
  if (figures.some(({ ok }) => ok === false)) process.exitCode = 1;
}
