/**
 * The process of a packed charm is killed in the middle of a hook: at each call of a hook tool, before and after its work, and at
 * random times while it stores its state. Tools are processes, the state is a file. The kernel keeps what was written, so this is not
 * what the loss of power does.
 */
import { spawn } from "node:child_process";
import { readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hookEnvironment } from "@cantrip/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { State } from "../src/testing/state.ts";
import { seeded } from "../src/testing/seeded.ts";
import { startTools } from "./harness/tool-processes.ts";
import { UnpackedCharm } from "./harness/unpacked.ts";
import { definitionOfCharm, farSide, worldOfFar } from "./harness/world.ts";

/** When it dies: at a call of a tool, counted from 0, or so long after it began to touch its state. */
type Death = { readonly tool: number; readonly is: "asked" | "answered" } | { readonly writingMs: number };

interface Ended {
  readonly exitCode: number | null;
  readonly calls: number;
  /** How the unit stands after it: what a hook asked for that did not end well is gone. */
  readonly world: State;
}

const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
const random = seeded(seed);
const definition = await definitionOfCharm("mortal");
let charm: UnpackedCharm;
const stateFile = (): string => join(charm.dir, ".unit-state.json");
const stored = (): string => readFileSync(stateFile(), "utf8");

beforeAll(async () => {
  charm = await UnpackedCharm.of("mortal");
  charm.linkRuntime();
});
afterAll(() => charm.remove());

async function hook(event: string, given: State, death?: Death): Promise<Ended> {
  const far = farSide(definition, event, given);
  let kill = (): void => undefined;
  let calls = 0;
  const tools = await startTools(far, {
    answer: () => {
      const dies = death !== undefined && "tool" in death && death.tool === calls;
      calls += 1;
      if (dies && death.is === "answered") setImmediate(kill);
      if (!dies || death.is === "answered") return undefined;
      kill();
      return { exitCode: 1, stdout: "", stderr: "ERROR the hook is over" };
    },
  });
  const env = hookEnvironment(far.view, {
    charmDir: charm.dir,
    toolsDir: tools.dir,
    socket: join(tools.dir, "socket"),
    contextId: "context",
    apiAddresses: [],
    version: "3.6.14",
    path: "/usr/bin:/bin",
  });
  const watcher = watch(charm.dir, (_, name) => {
    if (death === undefined || !("writingMs" in death) || !name?.startsWith(".unit-state")) return;
    if (death.writingMs === 0) kill();
    else setTimeout(kill, death.writingMs);
  });
  try {
    const child = spawn(join(charm.dir, "dispatch"), [], { cwd: charm.dir, env, stdio: "ignore" });
    kill = () => child.kill("SIGKILL");
    const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
    if (exitCode === null) far.interrupt();
    else far.end(exitCode);
    return { exitCode, calls, world: worldOfFar(far) };
  } finally {
    watcher.close();
    tools.stop();
  }
}

interface Reference {
  /** What is stored before the hook, and after it. */
  readonly old: string;
  readonly new: string;
  readonly given: State;
  readonly calls: number;
}

/** The hook `start` with an event from before in the queue, as it goes when nobody dies. */
async function reference(): Promise<Reference> {
  rmSync(stateFile(), { force: true });
  const before = await hook("config-changed", {});
  const old = stored();
  const { exitCode, calls } = await hook("start", before.world);
  expect([before.exitCode, exitCode]).toEqual([0, 0]);
  return { old, new: stored(), given: before.world, calls };
}

const noticesIn = (text: string): string[] =>
  (JSON.parse(text) as { notices: { event: string }[] }).notices.map(({ event }) => event);
const seenIn = (text: string): string[] => (JSON.parse(text) as { values: { seen: string[] } }).values.seen;
const labelOf = (text: string, { old, new: next }: Reference): string =>
  text === old ? "old" : text === next ? "new" : `neither: ${text.length} characters`;

/** The hook under test, to its death. Nothing of it is left but what it stored, if it came so far; and this is whole. */
async function die(death: Death, whole: Reference): Promise<Ended & { readonly label: string }> {
  writeFileSync(stateFile(), whole.old);
  const dead = await hook("start", whole.given, death);
  const label = labelOf(stored(), whole);
  expect(label).toBeOneOf(dead.exitCode === 0 ? ["new"] : ["old", "new"]);
  expect(dead.exitCode).toBeOneOf([0, null]);
  if (dead.exitCode === null) expect(dead.world).toEqual(whole.given);
  return { ...dead, label };
}

/** As Juju runs it once more. One notice each way: as with `ops`, a hook that has stored its end counts the old event as done. */
async function comeBack({ label, world }: Ended & { readonly label: string }): Promise<void> {
  const again = await hook("start", world);
  expect(again.exitCode).toBe(0);
  expect(noticesIn(stored())).toEqual(["start"]);
  const seen = ["config-changed", "config-changed", "start"];
  expect(seenIn(stored())).toEqual(label === "old" ? seen : [...seen, "start"]);
}

describe(`a charm that is killed (SEED=${seed})`, () => {
  let whole: Reference;
  beforeAll(async () => {
    whole = await reference();
  });

  test("the hook under test has something in each place where it may die", () => {
    const { old, new: next, calls, given } = whole;
    expect([noticesIn(old), noticesIn(next), calls]).toEqual([["config-changed"], ["start"], 2]);
    expect(given.openPorts).toEqual(["443/tcp"]);
  });

  test.each<Death>([
    { tool: 0, is: "asked" },
    { tool: 0, is: "answered" },
    { tool: 1, is: "asked" },
  ])("at a hook tool: %o", async (death) => {
    expect(await die(death, whole)).toMatchObject({ exitCode: null, label: "old" });
  });

  test("at its last hook tool, and the next hook goes as if nothing had been", async () => {
    const dead = await die({ tool: 1, is: "answered" }, whole);
    await comeBack(dead);
  });

  test("while it stores its state, and the next hook goes on from what it finds", async () => {
    const back = new Set<string>();
    for (let round = 0; round < 6; round += 1) {
      // From at once to 100 ms, each magnitude as likely: a disk may be quick or slow.
      const dead = await die({ writingMs: round === 0 ? 0 : 100 ** random() }, whole);
      // Equal states go on equally.
      if (dead.exitCode === null && !back.has(dead.label)) await comeBack(dead);
      back.add(dead.label);
    }
  });

  test("this test finds out a store that writes in place", async () => {
    const program = join(charm.dir, "charm.mjs");
    const text = readFileSync(program, "utf8");
    expect(text).toContain("const beside = `${path}.new`;");
    writeFileSync(program, text.replace("const beside = `${path}.new`;", "const beside = path;"));
    const labels: string[] = [];
    for (let round = 0; round < 40 && !labels.at(-1)?.startsWith("neither"); round += 1) {
      writeFileSync(stateFile(), whole.old);
      await hook("start", whole.given, { writingMs: 0 });
      labels.push(labelOf(stored(), whole));
    }
    writeFileSync(program, text);
    expect(labels.at(-1), labels.join(", ")).toMatch(/^neither/);
  });
});
