/** What the agent keeps of the operation under way: enough to tell, after its own death, how it ended. */
import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { ActionResult, HookBuffer, OperationOutcome } from "@cantrip/model";
import { syncDirectory, writeFileAtomic } from "../files.ts";

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

  /** @param onTrouble is told of a journal that cannot be read; it is moved aside, so that the agent starts */
  constructor(path: string, onTrouble: (text: string) => void) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    this.#entry = readOrMoveAside(path, onTrouble);
  }

  get entry(): JournalEntry | undefined {
    return this.#entry;
  }

  begin(entry: JournalEntry): void {
    this.#write(entry, true);
  }

  /** Matters to the next agent of this boot only: a power cut may bring back what `begin` wrote, but nothing torn. */
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

/** After a power cut a file may be empty or torn. What it said is lost: the controller offers the operation again. */
function readOrMoveAside(path: string, onTrouble: (text: string) => void): JournalEntry | undefined {
  try {
    return entryOf(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    const aside = `${path}.bad`;
    renameSync(path, aside);
    syncDirectory(dirname(path));
    const why = error instanceof Error ? error.message : String(error);
    onTrouble(`cannot read the journal "${path}" (${why}): moved to "${aside}", going on without it`);
    return undefined;
  }
}

function entryOf(value: unknown): JournalEntry {
  const { operationId, kind, bootId } = (value ?? {}) as Partial<JournalEntry>;
  if ([operationId, kind, bootId].some((field) => typeof field !== "string"))
    throw new Error("expected an object with operationId, kind and bootId");
  return value as JournalEntry;
}
