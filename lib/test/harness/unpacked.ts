import { spawn } from "node:child_process";
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { hookEnvironment } from "@cantrip/model";
import { packCharm } from "@cantrip/lib/pack";
import { type Entry, openPromise } from "yauzl";
import type { World } from "../../src/testing/given.ts";
import type { EventGiven, State } from "../../src/testing/state.ts";
import { type ToolProcesses, startTools } from "./tool-processes.ts";
import { type FarSide, charmFolder, definitionOfCharm, farSide, worldOfFar } from "./world.ts";

export interface Ended extends Pick<FarSide, "view" | "buffer" | "effects"> {
  /** As it stands before the hook's commit. */
  readonly world: World;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: ToolProcesses["calls"];
}

/** A packed charm, unpacked as a unit agent does it, in a directory whose name is not easy. */
export class UnpackedCharm {
  readonly name: string;
  readonly dir: string;

  private constructor(name: string, dir: string) {
    this.name = name;
    this.dir = dir;
  }

  static async of(
    name: string,
    { runtime = "host" }: { runtime?: "host" | "bundled" } = {},
  ): Promise<UnpackedCharm> {
    const folder = mkdtempSync(join(tmpdir(), "unit-"));
    const archive = await packCharm({
      dir: charmFolder(name),
      out: `${folder}/`,
      runtime,
    });
    const dir = join(folder, "a charm's $HOME");
    await unzip(archive, dir);
    return new UnpackedCharm(name, dir);
  }

  /** As if the machine had the runtime. */
  linkRuntime(): void {
    mkdirSync(join(this.dir, "runtime"));
    symlinkSync(process.execPath, join(this.dir, "runtime", "node"));
  }

  /** As the agent runs it: `program` is another one than `dispatch`, below the charm's directory. */
  async dispatch(
    event: EventGiven,
    given: State = {},
    changes: Record<string, string> = {},
    program = "dispatch",
  ): Promise<Ended> {
    const far = farSide(await definitionOfCharm(this.name), event, given);
    const tools = await startTools(far);
    try {
      const env = hookEnvironment(far.view, {
        charmDir: this.dir,
        toolsDir: tools.dir,
        socket: join(tools.dir, "socket"),
        contextId: "context",
        apiAddresses: [],
        version: "3.6.11",
        path: "/usr/bin:/bin",
      });
      const child = spawn(join(this.dir, program), [], {
        cwd: this.dir,
        env: { ...env, ...changes },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
      const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
      const { view, buffer, effects } = far;
      return { view, buffer, effects, world: worldOfFar(far), exitCode, stdout, stderr, calls: tools.calls };
    } finally {
      tools.stop();
    }
  }

  remove(): void {
    rmSync(dirname(this.dir), { recursive: true });
  }
}

async function unzip(archive: string, dir: string): Promise<void> {
  const zip = await openPromise(archive);
  for await (const entry of zip.eachEntry() as AsyncIterable<Entry>) {
    const path = join(dir, entry.fileName);
    mkdirSync(dirname(path), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path));
    chmodSync(path, (entry.externalFileAttributes >>> 16) & 0o777);
  }
}
