/** A machine for tests. */
import type { Machine } from "./machine.ts";

export class MemoryMachine implements Machine {
  readonly directories = new Set<string>();

  async makeDirectory(path: string): Promise<void> {
    this.directories.add(path);
  }
}
