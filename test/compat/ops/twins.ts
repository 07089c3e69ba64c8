/** One case, run by both charms against the same world: what each of them wrote, saw and left behind. */
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hookEnvironment, type ToolResult } from "@cantrip/model";
import type { EventGiven, State } from "../../../lib/src/testing/state.ts";
import { startTools } from "../../../lib/test/harness/tool-processes.ts";
import { UnpackedCharm } from "../../../lib/test/harness/unpacked.ts";
import { definitionOfCharm, type FarSide, farSide, worldOfFar } from "../../../lib/test/harness/world.ts";
import type { Op } from "./charm/src/charm.ts";
import { PythonServer } from "./python.ts";
import { pythonClient } from "./tool-client.ts";
import { isWrite, normalCall } from "./writes.ts";
import type { PythonSite } from "../python-site.ts";

export interface Hook {
  readonly event: EventGiven;
  /** What the charm does, by the name of the event that it observes. */
  readonly script: Readonly<Record<string, readonly Op[]>>;
  /** Beside what the model says of this event. */
  readonly env?: Readonly<Record<string, string>>;
  /** Answers in place of the model's, by a tool and words that are in the call; the first that fits. */
  readonly answers?: Readonly<Record<string, Partial<ToolResult>>>;
  /** What changes in the world before it, beside what the hooks before it did. */
  readonly changes?: State;
}

export interface Case {
  readonly title: string;
  readonly given?: State;
  readonly hooks: readonly Hook[];
  /** The exit codes of its hooks. Default: 0 of each. */
  readonly exits?: readonly number[];
  /** The name, in docs/ops-differences.md, of why the two are not the same here. */
  readonly differs?: string;
}

/** What a hook came to, in words that mean the same in both languages. */
export interface Outcome {
  readonly exitCode: number;
  readonly writes: readonly string[];
  readonly seen: readonly unknown[];
  readonly relations: unknown;
  readonly secrets: unknown;
  readonly status: string;
  readonly appStatus: string;
  readonly version: string;
  readonly ports: readonly string[];
  readonly action: unknown;
  readonly reboot: string | undefined;
}

export interface Told {
  readonly outcomes: readonly Outcome[];
  /** For people: what each hook printed and logged. */
  readonly said: string;
}

interface Run {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stderr: string;
}

const source = join(import.meta.dirname, "charm");
const definition = await definitionOfCharm(source);

/** Both charms, unpacked, each in a directory of its own. */
export class Twins {
  readonly #ours: UnpackedCharm;
  readonly #theirs: string;
  readonly #python: PythonServer;
  readonly #site: string;

  private constructor(ours: UnpackedCharm, theirs: string, ops: PythonSite) {
    this.#ours = ours;
    this.#theirs = theirs;
    this.#python = new PythonServer(ops);
    this.#site = ops.site;
  }

  static async start(ops: PythonSite): Promise<Twins> {
    const ours = await UnpackedCharm.of(source);
    ours.linkRuntime();
    const theirs = mkdtempSync(join(tmpdir(), "twin-"));
    mkdirSync(join(theirs, "src"));
    copyFileSync(join(import.meta.dirname, "python", "charm.py"), join(theirs, "src", "charm.py"));
    for (const name of ["metadata.yaml", "config.yaml", "actions.yaml"])
      copyFileSync(join(ours.dir, name), join(theirs, name));
    return new Twins(ours, theirs, ops);
  }

  async run(one: Case): Promise<{ ours: Told; theirs: Told }> {
    const [ours, theirs] = await Promise.all([
      runCase(one, this.#ours.dir, runOurs),
      runCase(one, this.#theirs, (run) =>
        this.#python.run({
          charm: join(run.dir, "src", "charm.py"),
          env: { ...run.env, PYTHONPATH: this.#site },
          stderr: run.stderr,
        }),
      ),
    ]);
    return { ours, theirs };
  }

  stop(): void {
    this.#python.stop();
    this.#ours.remove();
    rmSync(this.#theirs, { recursive: true });
  }
}

async function runOurs({ dir, env, stderr }: Run): Promise<number> {
  const child = spawn(join(dir, "dispatch"), [], { cwd: dir, env, stdio: ["ignore", "pipe", "pipe"] });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => said.push(part));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      writeFileSync(stderr, Buffer.concat(said));
      resolve(code ?? -1);
    });
  });
}

async function runCase(one: Case, dir: string, start: (run: Run) => Promise<number>): Promise<Told> {
  for (const name of readdirSync(dir).filter((file) => file.startsWith(".unit-state")))
    rmSync(join(dir, name));
  const outcomes: Outcome[] = [];
  let said = "";
  let state: State = one.given ?? {};
  for (const hook of one.hooks) {
    const far = farSide(definition, hook.event, { ...state, ...hook.changes });
    const told = await runHook(hook, far, dir, start);
    outcomes.push(told.outcome);
    said += told.said;
    state = worldOfFar(far);
  }
  return { outcomes, said };
}

async function runHook(
  hook: Hook,
  far: FarSide,
  dir: string,
  start: (run: Run) => Promise<number>,
): Promise<{ outcome: Outcome; said: string }> {
  const seen = join(dir, "seen.jsonl");
  const stderr = join(dir, "stderr.txt");
  const writes = new Set<string>();
  rmSync(seen, { force: true });
  writeFileSync(join(dir, "script.json"), JSON.stringify(hook.script));
  const log = join(dir, "log.txt");
  rmSync(log, { force: true });
  const tools = await startTools(far, {
    client: pythonClient,
    answer: (call) => {
      if (isWrite(call.argv)) writes.add(normalCall(call));
      return scripted(hook, call.argv);
    },
  });
  logToFile(tools.dir, log);
  try {
    const env = { ...environment(far, dir, tools.dir), ...hook.env };
    const exitCode = await start({ dir, env, stderr });
    far.end(exitCode);
    const lines = existsSync(seen) ? readFileSync(seen, "utf8").trim().split("\n") : [];
    const said = `${readFileSync(stderr, "utf8")}${existsSync(log) ? readFileSync(log, "utf8") : ""}`;
    return { outcome: outcomeOf(far, exitCode, writes, lines), said };
  } finally {
    tools.stop();
  }
}

/** Logs are free, and ops writes many lines a hook: they do not take the way through the model. */
function logToFile(toolsDir: string, log: string): void {
  const tool = join(toolsDir, "juju-log");
  rmSync(tool);
  writeFileSync(tool, `#!/bin/sh\nprintf '%s\\n' "$*" >>'${log.replaceAll("'", `'\\''`)}'\n`, {
    mode: 0o755,
  });
}

const environment = (far: FarSide, charmDir: string, toolsDir: string): Record<string, string> =>
  hookEnvironment(far.view, {
    charmDir,
    toolsDir,
    socket: join(toolsDir, "socket"),
    contextId: "context",
    apiAddresses: [],
    version: "3.6.14",
    path: "/usr/local/bin:/usr/bin:/bin",
  });

function scripted({ answers = {} }: Hook, argv: readonly string[]): ToolResult | undefined {
  const fits = ([tool, ...words]: string[]): boolean =>
    tool === argv[0] && words.every((word) => argv.includes(word));
  const key = Object.keys(answers).find((words) => fits(words.split(" ")));
  return key === undefined ? undefined : { exitCode: 0, stdout: "", stderr: "", ...answers[key] };
}

function outcomeOf(
  far: FarSide,
  exitCode: number,
  writes: ReadonlySet<string>,
  lines: readonly string[],
): Outcome {
  const { buffer } = far;
  const world = worldOfFar(far);
  return {
    exitCode,
    writes: [...writes].toSorted(),
    seen: lines.map((line) => JSON.parse(line) as unknown),
    relations: world.relations,
    secrets: world.secrets,
    status: world.status,
    appStatus: world.appStatus,
    version: world.workloadVersion,
    ports: world.openPorts,
    action: buffer.action,
    reboot: buffer.changes.reboot,
  };
}
