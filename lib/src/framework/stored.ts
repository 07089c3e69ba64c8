import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A deferral: which handler wants which event again. */
export interface Notice {
  readonly event: string;
  readonly observer: string;
  readonly snapshot: Json;
}

/** What outlives a dispatch. */
export interface StoredData {
  readonly values: Readonly<Record<string, Json>>;
  readonly notices: readonly Notice[];
}

/** Where it lies: a file for a unit, memory in a test. */
export interface StateStore {
  read(): StoredData;
  write(data: StoredData): void;
}

const nothing: StoredData = { values: {}, notices: [] };

export function fileStore(path: string): StateStore {
  return {
    read: () => readState(path),
    write: (data) => replaceFile(path, `${JSON.stringify({ schema: 1, ...data })}\n`),
  };
}

export function memoryStore(initial: StoredData = nothing): StateStore & { readonly data: StoredData } {
  const store = {
    data: structuredClone(initial),
    read: () => structuredClone(store.data),
    write: (data: StoredData) => void (store.data = structuredClone(data)),
  };
  return store;
}

function readState(path: string): StoredData {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return nothing;
    throw error;
  }
  const data = parsed(path, text);
  if (data?.schema !== 1)
    throw new Error(`Cannot read ${path}: expected schema 1, got ${JSON.stringify(data?.schema)}`);
  return { values: data.values ?? {}, notices: data.notices ?? [] };
}

function parsed(path: string, text: string): (Partial<StoredData> & { schema?: unknown }) | null {
  try {
    return JSON.parse(text) as (Partial<StoredData> & { schema?: unknown }) | null;
  } catch (cause) {
    throw new Error(`Cannot read ${path}: expected JSON, which holds what this unit's charm stored`, {
      cause,
    });
  }
}

/** Whole or not at all, whenever the machine stops: write beside, sync, rename, sync the directory. */
function replaceFile(path: string, text: string): void {
  const beside = `${path}.new`;
  withDescriptor(beside, "w", (fd) => {
    // All of it, or an error: a single write may take less, on a full disk.
    writeFileSync(fd, text);
    fsyncSync(fd);
  });
  renameSync(beside, path);
  withDescriptor(dirname(path), "r", fsyncSync);
}

function withDescriptor(path: string, flags: string, act: (fd: number) => void): void {
  const fd = openSync(path, flags, 0o600);
  try {
    act(fd);
  } finally {
    closeSync(fd);
  }
}

/** Values a charm keeps between dispatches. Saved when the dispatch succeeds, dropped when it fails. */
export class StoredState {
  readonly #values: Map<string, Json>;
  #isDirty = false;

  /** @internal */
  constructor(values: Readonly<Record<string, Json>>) {
    this.#values = new Map(Object.entries(structuredClone(values)));
  }

  /** A copy: changing it changes nothing here. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what it stored
  get<Value extends Json>(key: string): Value | undefined {
    return structuredClone(this.#values.get(key)) as Value | undefined;
  }

  /** Keeps a copy. An equal value is no change. */
  set(key: string, value: Json): void {
    if (JSON.stringify(value) === JSON.stringify(this.#values.get(key))) return;
    this.#values.set(key, structuredClone(value));
    this.#isDirty = true;
  }

  /** Forgets a value; a key that is not there is no error. */
  delete(key: string): void {
    this.#isDirty = this.#values.delete(key) || this.#isDirty;
  }

  /** Whether anything was changed in this dispatch. */
  get isDirty(): boolean {
    return this.#isDirty;
  }

  /** All values by key. */
  toJSON(): Record<string, Json> {
    return Object.fromEntries(this.#values);
  }
}
