/** A machine for tests. */
import type { Machine } from "./machine.ts";

export class MemoryMachine implements Machine {
  readonly directories = new Set<string>();
  readonly files = new Map<string, string>();
  readonly services = new Set<string>();

  async makeDirectory(path: string): Promise<void> {
    this.directories.add(path);
  }

  async write(path: string, text: string): Promise<void> {
    this.files.set(path, text);
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }

  async enable(service: string): Promise<void> {
    this.services.add(service);
  }
}
