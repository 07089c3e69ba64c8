/** What the agent keeps of the operation under way: enough to tell, after its own death, how it ended. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { ActionResult, HookBuffer, OperationOutcome } from "@cantrip/model";
import { writeFileAtomic } from "../files.ts";

export interface JournalEntry {
  readonly operationId: string;
  readonly kind: string;
  readonly taskId?: string;
  readonly bootId: string;
  /** process group of the hook, with its start time, so that a stranger with the same number is not killed */
  readonly process?: { pid: number; startedAt: string };
  readonly buffer?: HookBuffer;
  /** set when it ended: all that is left is to report it */
  readonly outcome?: OperationOutcome;
  readonly result?: ActionResult;
}

export class Journal {
  readonly #path: string;
  #entry: JournalEntry | undefined;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    this.#entry = read(path);
  }

  get entry(): JournalEntry | undefined {
    return this.#entry;
  }

  begin(entry: JournalEntry): void {
    this.#write(entry, true);
  }

  /** The page cache outlives the agent, so progress is not synced; only the outcome is. */
  progress(more: Partial<JournalEntry>): void {
    if (this.#entry) this.#write({ ...this.#entry, ...more }, false);
  }

  end(outcome: OperationOutcome, result?: ActionResult): void {
    if (this.#entry) this.#write({ ...this.#entry, outcome, ...(result ? { result } : {}) }, true);
  }

  clear(): void {
    this.#entry = undefined;
    rmSync(this.#path, { force: true });
  }

  #write(entry: JournalEntry, durable: boolean): void {
    this.#entry = entry;
    writeFileAtomic(this.#path, JSON.stringify(entry), { mode: 0o600, durable });
  }
}

function read(path: string): JournalEntry | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as JournalEntry;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`cannot read the journal "${path}"`, { cause: error });
  }
}
