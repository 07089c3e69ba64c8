/** A real controller without machines, in a process of its own, and the command to drive it. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { writeClientFiles } from "../../src/command/client-files.ts";
import type { Io } from "../../src/command/io.ts";
import { runProgram } from "../../src/command/program.ts";
import type { Identity } from "../../src/identity.ts";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Server {
  readonly directory = mkdtempSync(join(tmpdir(), "cantrip-command-"));
  readonly data = join(this.directory, "data");
  #daemon: ChildProcess | undefined;

  async start({ machinesConfig }: { machinesConfig?: string } = {}): Promise<void> {
    const state = join(this.directory, "state");
    const main = new URL("../../src/main.ts", import.meta.url).pathname;
    const machines = machinesConfig === undefined ? [] : ["--machines-config", machinesConfig];
    const args = [main, "--state", state, "--name", "mini", "--port", "0", ...machines];
    this.#daemon = spawn(process.execPath, args, { stdio: "pipe" });
    let said = "";
    this.#daemon.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const identity = await until(
      "the controller names its address",
      () => listening(join(state, "controller.json")),
      () => said,
    );
    writeClientFiles(this.data, {
      controllerName: "mini",
      uuid: identity.uuid,
      endpoints: identity.addresses,
      caCert: identity.caCert,
      user: "admin",
      password: identity.adminPassword,
      sshKey: {
        privateKey: readFileSync(join(state, "ssh_id_ed25519"), "utf8"),
        publicKey: readFileSync(join(state, "ssh_id_ed25519.pub"), "utf8"),
      },
    });
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#daemon?.once("exit", resolve));
    this.#daemon?.kill("SIGTERM");
    await Promise.race([gone, sleep(10_000)]);
    this.#daemon?.kill("SIGKILL");
  }

  clean(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** In this process, not at a terminal. */
  async run(...argv: string[]): Promise<Outcome> {
    return this.runWith({}, ...argv);
  }

  async runWith(more: Partial<Io>, ...argv: string[]): Promise<Outcome> {
    const text = { stdout: "", stderr: "" };
    const io: Io = {
      env: { CANTRIP_DATA: this.data, PATH: process.env["PATH"] },
      cwd: this.directory,
      stdoutIsTerminal: false,
      stderrIsTerminal: false,
      interrupted: new AbortController().signal,
      out: (chunk) => void (text.stdout += chunk),
      err: (chunk) => void (text.stderr += chunk),
      ask: () => Promise.resolve(undefined),
      ...more,
    };
    const code = await runProgram(argv, { io });
    return { code, ...text };
  }

  /** In a process of its own: streams, exit code and ending are real. */
  async spawned(...argv: string[]): Promise<Outcome> {
    const script = new URL("cantrip.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [script, ...argv], {
      env: { ...process.env, CANTRIP_DATA: this.data },
      cwd: this.directory,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr] = await Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
    const code =
      child.exitCode ?? (await new Promise<number>((resolve) => child.once("exit", (c) => resolve(c ?? -1))));
    return {
      code,
      stdout: Buffer.concat(stdout as Buffer[]).toString(),
      stderr: Buffer.concat(stderr as Buffer[]).toString(),
    };
  }
}

function listening(path: string): Identity | undefined {
  if (!existsSync(path)) return undefined;
  const identity = JSON.parse(readFileSync(path, "utf8")) as Identity;
  return identity.addresses.length > 0 ? identity : undefined;
}

async function until<Value>(what: string, find: () => Value | undefined, why: () => string): Promise<Value> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const found = find();
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error(`waited 30 s until ${what}: ${why()}`);
}
