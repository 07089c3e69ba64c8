/** Charms in Python: `ops` with its testing framework, `ops-scenario`. */
import { join } from "node:path";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type PythonSite, pythonSite } from "../python-site.ts";

export const opsVersion = "3.9.0";

export const opsPython = (): ReturnType<typeof pythonSite> => pythonSite("ops[testing]", opsVersion);

/** A program in Python that answers each line with a line. */
class PythonLines {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, { site }: PythonSite, args: readonly string[] = []) {
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
  constructor(ops: PythonSite) {
    super("server.py", ops);
  }

  async run(hook: PythonHook): Promise<number> {
    return ((await this.ask(hook)) as { exitCode: number }).exitCode;
  }
}

/** `ops-scenario` running the charm in `dir`: a state goes in with an event and a script, a state comes out. */
export class ScenarioServer extends PythonLines {
  constructor(ops: PythonSite, dir: string) {
    super("scenario_server.py", ops, [dir]);
  }
}
