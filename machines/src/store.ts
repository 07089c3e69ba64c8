/** What is on disk about machines. Only what cannot be seen: whether one runs is read from /proc. */
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { constants } from "node:os";
import { join } from "node:path";
import { readJson, readText, syncFolder, writeAtomic, writeInLayer } from "./files.ts";
import { launcherScript, plainFolders } from "./launcher.ts";
import type { MachineBind, MachineFile, MachineLimits } from "./port.ts";

export interface MachineRecord {
  schema: 1;
  name: string;
  address: string;
  machineId: string;
  createdAt: string;
  desired: "up" | "down";
  /** Root folder of the image that its disk lies on. */
  image: string;
  binds: readonly MachineBind[];
  limits: MachineLimits;
}

export class MachineStore {
  readonly #stateDir: string;
  /** The instance that the machines belong to. */
  readonly id: string;

  constructor(stateDir: string, id: string) {
    this.#stateDir = stateDir;
    this.id = id;
  }

  get machinesDir(): string {
    return join(this.#stateDir, "by-name");
  }

  get sharedDir(): string {
    return join(this.#stateDir, "shared");
  }

  get hostChanges(): string {
    return join(this.#stateDir, "host-changes.json");
  }

  dir(name: string): string {
    return join(this.machinesDir, name);
  }

  async prepare(): Promise<void> {
    await mkdir(this.machinesDir, { recursive: true, mode: 0o711 });
    await mkdir(this.sharedDir, { recursive: true });
  }

  async record(name: string): Promise<MachineRecord | undefined> {
    return await readJson<MachineRecord>(join(this.dir(name), "machine.json"));
  }

  async records(): Promise<MachineRecord[]> {
    const entries = await readdir(this.machinesDir).catch(() => []);
    const records = await Promise.all(
      entries.filter((entry) => !entry.startsWith(".")).map((entry) => this.record(entry)),
    );
    return records.filter((record) => record !== undefined).sort((a, b) => a.name.localeCompare(b.name));
  }

  async save(record: MachineRecord): Promise<void> {
    await writeAtomic(
      join(this.dir(record.name), "machine.json"),
      `${JSON.stringify(record, undefined, 2)}\n`,
    );
  }

  /** Lays out a machine's folder under a hidden name and renames it, so that a machine is there wholly or not at all. */
  async add(record: MachineRecord, files: readonly MachineFile[]): Promise<void> {
    const draft = join(this.machinesDir, `.new-${record.name}-${randomBytes(4).toString("hex")}`);
    try {
      await this.#layOut(draft, record, files);
      await rename(draft, this.dir(record.name));
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw error;
    }
    await syncFolder(this.machinesDir);
  }

  async #layOut(draft: string, record: MachineRecord, files: readonly MachineFile[]): Promise<void> {
    for (const folder of ["upper", "work", "root", "net", "volumes"])
      await mkdir(join(draft, folder), { recursive: true });
    for (const path of plainFolders) await mkdir(join(draft, "volumes", path.replaceAll("/", "_")));
    const layers = { upper: join(draft, "upper"), lower: record.image };
    await writeInLayer(layers, "/etc/hostname", `${record.name}\n`);
    await writeInLayer(layers, "/etc/machine-id", `${record.machineId}\n`, 0o444);
    for (const { path, content, mode } of files) await writeInLayer(layers, path, content, mode);
    await writeAtomic(join(draft, "machine.json"), `${JSON.stringify(record, undefined, 2)}\n`);
  }

  /** Written anew at each start, so that a newer version of us starts older machines its own way. */
  async writeLauncher(name: string, network: string): Promise<void> {
    const dir = this.dir(name);
    for (const stale of ["exit", "run"]) await rm(join(dir, stale), { force: true });
    await writeAtomic(join(dir, "launcher"), launcherScript, 0o755);
    await writeAtomic(join(dir, "net", "network"), network);
    await rename(join(dir, "console.log"), join(dir, "console.log.1")).catch(() => undefined);
  }

  /** Renamed first: from then on there is no such machine, also if we are killed before the last file is gone. */
  async remove(name: string): Promise<void> {
    const doomed = join(this.machinesDir, `.old-${name}-${randomBytes(4).toString("hex")}`);
    await rename(this.dir(name), doomed);
    await rm(doomed, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Removes what killed calls left half made or half removed. Call with the instance's lock held. */
  async sweep(): Promise<void> {
    for (const entry of await readdir(this.machinesDir).catch(() => [])) {
      if (/^\.(new|old)-/.test(entry))
        await rm(join(this.machinesDir, entry), { recursive: true, force: true, maxRetries: 3 });
    }
  }

  /** Whether the launcher of the last start has come to life. */
  async hasLaunched(name: string): Promise<boolean> {
    return (await readText(join(this.dir(name), "run"))) !== undefined;
  }

  /** After an end of our own making: from now on the folder says that nothing was launched. */
  async forgetLaunch(name: string): Promise<void> {
    await rm(join(this.dir(name), "run"), { force: true });
  }

  /** How the launcher saw the last run end; nothing if it was killed itself. */
  async lastExit(name: string): Promise<{ code: number; at: string } | undefined> {
    const path = join(this.dir(name), "exit");
    const text = await readText(path);
    const stats = await stat(path).catch(() => undefined);
    return text === undefined || !stats
      ? undefined
      : { code: exitCode(text.trim()), at: stats.mtime.toISOString() };
  }
}

/** The launcher writes a number; systemd writes a number or a signal's name. */
export function exitCode(text: string): number {
  const signal = constants.signals[`SIG${text}` as NodeJS.Signals] as number | undefined;
  return signal === undefined ? Number.parseInt(text, 10) || 0 : 128 + signal;
}
