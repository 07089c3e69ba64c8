/** A machine for tests. */
import type { Machine, Usage } from "./machine.ts";

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

  async usage(path: string): Promise<Usage> {
    const below = [...this.files].filter(([name]) => name.startsWith(`${path}/`));
    const bytes = below.reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0);
    return { files: below.length, bytes };
  }

  async enable(service: string): Promise<void> {
    this.services.add(service);
  }
}
