/** What our charms do to the machine that they run on. */
import { execFile } from "node:child_process";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Usage {
  readonly files: number;
  readonly bytes: number;
}

export interface Machine {
  /** Makes a directory and those above it; what is there already stays as it is. */
  makeDirectory(path: string): Promise<void>;
  /** Writes a file, whole or not at all. What only root may read has the mode 0o600. */
  write(path: string, text: string, mode?: number): Promise<void>;
  /** Removes a file; one that is not there is no error. */
  remove(path: string): Promise<void>;
  /** How many files are below a directory, and their size together. */
  usage(path: string): Promise<Usage>;
  /** Starts a service of systemd, now and at every boot; one that runs already goes on. */
  enable(service: string): Promise<void>;
  /** Whether a service has more processes than its first, such as one for each client. */
  isBusy(service: string): Promise<boolean>;
  /** Stops a service with all its processes, and starts it again. */
  restart(service: string): Promise<void>;
}

const run = promisify(execFile);

export const thisMachine: Machine = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true });
  },

  async write(path, text, mode = 0o644) {
    // Left over from an interrupted hook, it would keep its mode.
    await rm(`${path}.new`, { force: true });
    await writeFile(`${path}.new`, text, { mode });
    await rename(`${path}.new`, path);
  },

  async remove(path) {
    await rm(path, { force: true });
  },

  async usage(path) {
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const sizes = await Promise.all(
      files.map(async (file) => (await stat(join(file.parentPath, file.name))).size),
    );
    return { files: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
  },

  async enable(service) {
    await run("systemctl", ["enable", "--now", service]);
  },

  async isBusy(service) {
    const { stdout } = await run("systemctl", ["show", "--property=TasksCurrent", "--value", service]);
    return Number(stdout) > 1;
  },

  async restart(service) {
    await run("systemctl", ["restart", service]);
  },
};
