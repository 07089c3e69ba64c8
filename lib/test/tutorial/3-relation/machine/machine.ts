/** What our charms do to the machine that they run on. */
import { execFile } from "node:child_process";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";

export interface Machine {
  /** Makes a directory and those above it; what is there already stays as it is. */
  makeDirectory(path: string): Promise<void>;
  /** Writes a file, whole or not at all. */
  write(path: string, text: string): Promise<void>;
  /** Removes a file; one that is not there is no error. */
  remove(path: string): Promise<void>;
  /** Starts a service of systemd, now and at every boot; one that runs already goes on. */
  enable(service: string): Promise<void>;
}

const run = promisify(execFile);

export const thisMachine: Machine = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true });
  },

  async write(path, text) {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  },

  async remove(path) {
    await rm(path, { force: true });
  },

  async enable(service) {
    await run("systemctl", ["enable", "--now", service]);
  },
};
