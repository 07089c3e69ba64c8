import { expect, test } from "vitest";
import { changedLines, renderBlock, type UnitLine } from "../src/progress.ts";

const line = (unit: string, state: string, step: string, since = 0): UnitLine => ({
  unit,
  application: unit.split("/")[0] ?? "",
  state,
  step,
  since,
});

test("the block shows phases with their time and units as a tree with their step", () => {
  const block = renderBlock(
    {
      phases: [
        { title: "components", startedAt: 0, endedAt: 400, note: "cached" },
        { title: "cluster", startedAt: 400, note: "" },
      ],
      units: [
        line("k8s/0", "maintenance", "Bootstrapping Cluster", 1000),
        line("k8s-worker/0", "waiting", "waiting for machine", 2000),
        line("k8s-worker/1", "active", "Ready"),
      ],
    },
    4000,
    120,
  );
  expect(block.split("\n").map((row) => row.trimEnd())).toEqual([
    "✓ components         0.4 s  cached",
    "• cluster            3.6 s",
    "  k8s",
    "  └─ k8s/0         maintenance  Bootstrapping Cluster  3.0 s",
    "  k8s-worker",
    "  ├─ k8s-worker/0  waiting      waiting for machine  2.0 s",
    "  └─ k8s-worker/1  active       Ready",
  ]);
});

test("a narrow terminal cuts lines, it does not wrap them", () => {
  const block = renderBlock(
    {
      phases: [{ title: "cluster", startedAt: 0, note: "x".repeat(300) }],
      units: [line("k8s/0", "waiting", "y".repeat(300))],
    },
    0,
    40,
  );
  for (const row of block.split("\n")) expect(row.length).toBeLessThanOrEqual(40);
});

test("elsewhere each change is one line, and what stays the same is not repeated", () => {
  const before = [
    line("k8s/0", "waiting", "waiting for machine"),
    line("k8s/1", "active", "Ready"),
    line("k8s/2", "active", ""),
  ];
  const after = [
    line("k8s/0", "maintenance", "install"),
    line("k8s/1", "active", "Ready"),
    line("k8s/3", "waiting", ""),
  ];
  expect(changedLines(before, after)).toEqual([
    "k8s/0: maintenance: install",
    "k8s/3: waiting",
    "k8s/2: gone",
  ]);
});
