/**
 * The test command. Each environment is a list of checks; a check is a tool whose exit code counts as one test, or a
 * vitest run whose own counts are added. Closes with one line, `N passed, N failed, N skipped`, and the reason of each skip.
 */
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const top = resolve(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "cantrip-test-"));

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** what failed, by name */
  failures: string[];
  /** why each was skipped */
  reasons: string[];
}
interface Environment {
  readonly about: string;
  /** runs only when named */
  readonly onDemand?: boolean;
  readonly needsHost?: boolean;
  /** needs the node package, and the host */
  readonly needsPackage?: boolean;
  readonly run: () => Promise<Tally>;
}

const environments: Record<string, Environment> = {
  check: { about: "types, lint, format, generated files", run: () => all(checks) },
  unit: { about: "pure logic and scenarios, no root needed", run: () => vitest("unit") },
  go: { about: "the hook tool and the API proxy", run: () => all(goTests) },
  machines: { about: "machines on this host", needsHost: true, run: () => vitest("system", "machines/") },
  node: {
    about: "the node package, k8sd and its client on machines",
    needsPackage: true,
    run: () => vitest("system", "node/", "charms/"),
  },
  controller: {
    about: "the controller and its agents on machines",
    needsHost: true,
    run: () => vitest("system", "controller/"),
  },
  compat: {
    about: "the framework beside ops for Python, and its archives before charmcraft",
    run: () => vitest("system", "test/compat/"),
  },
  e2e: {
    about: "the cantrip command, from nothing to a cluster and back",
    needsPackage: true,
    run: () => vitest("system", "test/e2e/"),
  },
  "e2e-node": {
    about:
      "the node package alone on five machines: several control planes, used, hurt, taken apart, put back",
    needsPackage: true,
    run: () => vitest("system", "test/e2e-node/"),
  },
  "host-v2": {
    about:
      "machines and a cluster on an emulated Debian with systemd and control groups of version 2 (20 minutes)",
    onDemand: true,
    needsHost: true,
    run: onEmulatedHost,
  },
  faults: {
    about:
      "long runs: random histories of the model, nodes and up killed at random moments, image collection (seeds are printed)",
    onDemand: true,
    needsPackage: true,
    run: async () => {
      process.env["CANTRIP_HISTORIES"] ??= "2000";
      process.env["CANTRIP_NODE_FAULTS"] ??= "20";
      const histories = await vitest("unit", "model/test/property.test.ts");
      return sum(histories, await vitest("system", "node/k8sd/test/faults.system.test.ts", "test/faults/"));
    },
  },
};

const checks: readonly Check[] = [
  { name: "types", argv: ["tsc", "-p", top] },
  { name: "lint", argv: ["oxlint"] },
  { name: "format", argv: ["prettier", "--check", "--log-level", "warn", "."] },
  { name: "generated files", argv: ["node", "metadata/scripts/generate.ts", "--check"] },
  { name: "reference of the framework", argv: ["node", "lib/scripts/reference.ts", "--check"] },
  {
    name: "types of the charms",
    argv: ["node", "metadata/scripts/charm-types.ts", "charms/k8s", "charms/k8s-worker", "--check"],
  },
];
const goTests: readonly Check[] = [
  { name: "hook tool", argv: ["node", "scripts/go-test.ts", "controller/hooktool"] },
  { name: "API proxy", argv: ["node", "scripts/go-test.ts", "node/apiserver-proxy"] },
];

interface Check {
  readonly name: string;
  readonly argv: readonly string[];
}

async function all(list: readonly Check[]): Promise<Tally> {
  const tally = none();
  for (const check of list) {
    const ok = (await run(check.argv)) === 0;
    console.log(`${ok ? "ok    " : "FAILED"} ${check.name}`);
    tally[ok ? "passed" : "failed"] += 1;
    if (!ok) tally.failures.push(check.name);
  }
  return tally;
}

/** Runs one vitest project on the given folders and files; a run that produces no report, or no test, counts as one failure. */
async function vitest(project: string, ...folders: string[]): Promise<Tally> {
  const report = join(scratch, `${project}-${folders.join("-").replaceAll("/", "_")}.json`);
  const argv = [
    "vitest",
    "run",
    "--project",
    project,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const code = await run([...argv, ...folders.flatMap(testsAt)]);
  return tallyOf(report, code, `${project} ${folders.join(" ")}`);
}

/** A filter of vitest matches anywhere in a path, so that `node/` were test/e2e-node/, too: files are named instead. */
function testsAt(place: string): string[] {
  const options = { cwd: top, exclude: (name: string) => name.endsWith("node_modules") };
  const files = place.endsWith("/") ? globSync(`${place}**/*.system.test.ts`, options) : [place];
  if (files.length === 0) throw new Error(`no tests are below ${place}`);
  return files;
}

/** The tests run inside; their report comes out. Their counts are theirs. */
async function onEmulatedHost(): Promise<Tally> {
  const report = join(scratch, "host-v2.json");
  if ((await run(["node", "scripts/test-packages.ts", "--emulation"])) !== 0)
    return { ...none(), skipped: 1, reasons: ["host-v2: QEMU could not be installed"] };
  const code = await run(["node", "test/host-v2/run.ts", report]);
  return tallyOf(report, code, "the emulated host");
}

function tallyOf(report: string, code: number, what: string): Tally {
  try {
    return count(JSON.parse(readFileSync(report, "utf8")) as VitestReport, code);
  } catch (error) {
    console.error(`vitest left no readable report for ${what}: ${String(error)}`);
    return { ...none(), failed: 1, failures: [`${what}: no report`] };
  }
}

const none = (): Tally => ({ passed: 0, failed: 0, skipped: 0, failures: [], reasons: [] });
const sum = (one: Tally, other: Tally): Tally => ({
  passed: one.passed + other.passed,
  failed: one.failed + other.failed,
  skipped: one.skipped + other.skipped,
  failures: [...one.failures, ...other.failures],
  reasons: [...one.reasons, ...other.reasons],
});

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

function count(report: VitestReport, code: number): Tally {
  const named = (wanted: (status: string) => boolean): string[] =>
    report.testResults.flatMap((file) =>
      file.assertionResults
        .filter((test) => wanted(test.status))
        .map((test) => `${file.name.replace(`${top}/`, "")}: ${test.fullName}`),
    );
  // A test that is skipped carries its reason in its title, after "skipped: ".
  const skipped = named((status) => status !== "passed" && status !== "failed");
  const broken = report.testResults
    .filter(
      (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
    )
    .map((file) => `${file.name.replace(`${top}/`, "")}: the file as a whole`);
  const failed = report.numFailedTests + broken.length;
  const nothing = report.numPassedTests + failed + skipped.length === 0;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && (code !== 0 || nothing) ? 1 : failed,
    skipped: skipped.length,
    failures: [...named((status) => status === "failed"), ...broken],
    reasons: skipped,
  };
}

function run(argv: readonly string[]): Promise<number> {
  const [command = "", ...rest] = argv;
  return new Promise((done) => {
    const child = spawn(command, rest, { cwd: top, stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", (error) => {
      console.error(`cannot run ${command}: ${error.message}`);
      done(127);
    });
    child.on("exit", (code) => done(code ?? 1));
  });
}

async function main(names: readonly string[]): Promise<number> {
  if (names.includes("--help") || names.includes("-h")) {
    console.log(
      "usage: scripts/test [NAME…]     runs the named environments, or all that are not on demand\n       scripts/test --list      names them",
    );
    return 0;
  }
  if (names.includes("--list")) {
    for (const [name, { about, onDemand }] of Object.entries(environments))
      console.log(`${name.padEnd(12)}${about}${onDemand ? " (on demand)" : ""}`);
    return 0;
  }
  const unknown = names.filter((name) => !Object.hasOwn(environments, name));
  if (unknown.length > 0) {
    console.error(
      `no such environment: ${unknown.join(", ")}; expected one of ${Object.keys(environments).join(", ")}`,
    );
    return 2;
  }
  const chosen = Object.entries(environments).filter(([name, one]) =>
    names.length > 0 ? names.includes(name) : !one.onDemand,
  );
  let total = none();
  let hostReady: string | undefined;
  let packageReady: boolean | undefined;
  for (const [name, environment] of chosen) {
    console.log(`\n== ${name}: ${environment.about}`);
    const began = Date.now();
    const needsHost = environment.needsHost || environment.needsPackage;
    if (needsHost) hostReady ??= await prepareHost();
    const isHostMissing = needsHost && hostReady !== "";
    if (environment.needsPackage && !isHostMissing) packageReady ??= await preparePackage();
    const tally = isHostMissing
      ? { ...none(), skipped: 1, reasons: [`${name}: ${hostReady}`] }
      : environment.needsPackage && !packageReady
        ? { ...none(), failed: 1, failures: [`${name}: the node package could not be built (see above)`] }
        : await environment.run();
    total = sum(total, tally);
    console.log(
      `== ${name}: ${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped in ${((Date.now() - began) / 1000).toFixed(0)} s`,
    );
  }
  if (total.failures.length > 0)
    console.log(`\nfailed:\n${total.failures.map((what) => `  ${what}`).join("\n")}`);
  if (total.reasons.length > 0)
    console.log(`\nskipped:\n${total.reasons.map((reason) => `  ${reason}`).join("\n")}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 ? 0 : 1;
}

/** The packages that machines and builds need, installed as `cantrip up` would; the empty string, or why not. */
async function prepareHost(): Promise<string> {
  if (process.getuid?.() !== 0) return "needs root: machines, bridges and mounts are made for real";
  return (await run(["node", "scripts/test-packages.ts"])) === 0
    ? ""
    : "the host's packages could not be installed (see above)";
}

/** Built here, where it is told of, and not in the first test that wants it: on a fresh machine it takes longer than a test may. */
const preparePackage = async (): Promise<boolean> =>
  (await run(["node", "node/package/src/main.ts", "build"])) === 0;

try {
  process.exitCode = await main(process.argv.slice(2));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
