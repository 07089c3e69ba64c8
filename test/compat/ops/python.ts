/**
 * `ops` for Python with its testing framework, `ops-scenario`, installed by pip into a cache folder outside this tree, once per version of the interpreter. What cannot be
 * had is said, not thrown: a suite without its peer is skipped with that reason.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { execa } from "execa";

export const opsVersion = "3.9.0";

export interface OpsPython {
  /** for PYTHONPATH */
  readonly site: string;
}

function message(error: unknown): string {
  const { stderr, originalMessage } = error as { stderr?: string; originalMessage?: string };
  return (stderr?.trim().split("\n").at(-1) || originalMessage || String(error)).slice(0, 200);
}

/** Where `ops` is, or why it is not. */
export async function opsPython(): Promise<OpsPython | { readonly missing: string }> {
  try {
    const { stdout: python } = await execa("python3", [
      "-c",
      "import sys; print('%d.%d' % sys.version_info[:2])",
    ]);
    const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "cantrip-test");
    const site = join(cache, `ops-testing-${opsVersion}-python${python}`);
    if (!existsSync(site)) await install(cache, site);
    return { site };
  } catch (error) {
    return { missing: `ops ${opsVersion} for Python cannot be had: ${message(error)}` };
  }
}

/** Into a folder beside, then renamed: whole or not there, however many try at once. */
async function install(cache: string, site: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, ".ops-"));
  const options = { timeout: 120_000 };
  try {
    await execa("python3", ["-m", "venv", join(scratch, "venv")], options);
    const pip = [
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--target",
      join(scratch, "site"),
      `ops[testing]==${opsVersion}`,
    ];
    await execa(join(scratch, "venv", "bin", "pip"), pip, options);
    renameUnlessThere(join(scratch, "site"), site);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function renameUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    // Someone else was first: theirs is as good.
    if (!existsSync(to)) throw error;
  }
}

/** A program in Python that answers each line with a line. */
class PythonLines {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, { site }: OpsPython, args: readonly string[] = []) {
    this.#child = spawn("python3", [join(import.meta.dirname, "python", program), ...args], {
      env: { PATH: process.env["PATH"], PYTHONPATH: site, PYTHONDONTWRITEBYTECODE: "1" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async ask(question: unknown): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the interpreter for charms in Python ended early");
    return JSON.parse(value) as unknown;
  }

  stop(): void {
    this.#child.stdin?.end();
  }
}

export interface PythonHook {
  readonly charm: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stderr: string;
}

/** Hooks of charms in Python, one after another, each a forked process of an interpreter that has loaded `ops`. */
export class PythonServer extends PythonLines {
  constructor(ops: OpsPython) {
    super("server.py", ops);
  }

  async run(hook: PythonHook): Promise<number> {
    return ((await this.ask(hook)) as { exitCode: number }).exitCode;
  }
}

/** `ops-scenario` running the charm in `dir`: a state goes in with an event and a script, a state comes out. */
export class ScenarioServer extends PythonLines {
  constructor(ops: OpsPython, dir: string) {
    super("scenario_server.py", ops, [dir]);
  }
}
