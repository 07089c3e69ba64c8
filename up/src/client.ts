/** The `cantrip` command in this process: `up` asks the controller for nothing that a person could not ask for. */
import { clientDirectory as commandsDirectory, runProgram, type Io } from "@cantrip/controller/command";
import type { Invoker } from "./invoker.ts";

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Client {
  readonly #env: Record<string, string | undefined>;
  readonly #signal: AbortSignal;

  constructor({
    directory,
    controller,
    model,
    signal,
  }: {
    directory: string;
    controller: string;
    model: string;
    signal: AbortSignal;
  }) {
    this.#env = {
      ...process.env,
      CANTRIP_DATA: directory,
      CANTRIP_CONTROLLER: controller,
      CANTRIP_MODEL: model,
    };
    this.#signal = signal;
  }

  async run(argv: readonly string[]): Promise<CommandResult> {
    const text = { stdout: "", stderr: "" };
    const io: Io = {
      env: this.#env,
      cwd: process.cwd(),
      stdoutIsTerminal: false,
      stderrIsTerminal: false,
      interrupted: this.#signal,
      out: (chunk) => void (text.stdout += chunk),
      err: (chunk) => void (text.stderr += chunk),
      ask: () => Promise.resolve(undefined),
    };
    const exitCode = await runProgram(argv, { io });
    return { exitCode, ...text };
  }

  /** @throws Error with what the command said, when it did not end well */
  async must(argv: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(argv);
    if (exitCode === 0) return stdout;
    const said = stderr.trim().replace(/^ERROR /m, "");
    throw new Error(`cantrip ${argv.join(" ")}: ${said || `exit code ${exitCode}`}`);
  }

  async json<T>(argv: readonly string[]): Promise<T> {
    return JSON.parse(await this.must([...argv, "--format", "json"])) as T;
  }
}

/** The data directory of the person's client files, also under sudo, where HOME may be root's. */
export function clientDirectory(person: Invoker, env: NodeJS.ProcessEnv = process.env): string {
  const underSudo = env["SUDO_UID"] !== undefined;
  return commandsDirectory({ ...env, HOME: person.home, ...(underSudo ? { XDG_DATA_HOME: undefined } : {}) });
}
