/** What our charms do to the machine that they run on. */
import { mkdir } from "node:fs/promises";

export interface Machine {
  /** Makes a directory and those above it; what is there already stays as it is. */
  makeDirectory(path: string): Promise<void>;
}

export const thisMachine: Machine = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true });
  },
};
