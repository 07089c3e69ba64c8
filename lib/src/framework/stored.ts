import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { inspect } from "node:util";

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Whether JSON gives the value back as it is. A member that is undefined is none. */
export function isJson(value: unknown, within: readonly unknown[] = []): value is Json {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null)
    return value === null || typeof value === "string" || typeof value === "boolean";
  if (within.includes(value)) return false;
  const inner = [...within, value];
  if (Array.isArray(value)) return Array.from(value).every((item) => isJson(item, inner));
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null;
  return isPlain && Object.values(value).every((member) => member === undefined || isJson(member, inner));
}

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

/** Literals as what they are an example of: who sets 0 by default stores numbers. */
type Widened<Value> = Value extends string
  ? string
  : Value extends number
    ? number
    : Value extends boolean
      ? boolean
      : Value;

/** All that is stored in a dispatch, by full keys; scopes share it. */
class Values {
  readonly map: Map<string, Json>;
  isDirty = false;

  constructor(values: Readonly<Record<string, Json>>) {
    this.map = new Map(Object.entries(structuredClone(values)));
  }
}

/**
 * Values a charm keeps between dispatches. Saved when the dispatch succeeds, dropped when it fails. A key may be any text without
 * "/".
 */
export class StoredState {
  readonly #values: Values;
  readonly #prefix: string;

  /** @internal */
  constructor(values: Readonly<Record<string, Json>> | Values, prefix = "") {
    this.#values = values instanceof Values ? values : new Values(values);
    this.#prefix = prefix;
  }

  /**
   * What a library stores: a part of its own, whose keys meet neither the charm's nor another library's.
   * @example
   * readonly #stored = charm.stored.scope("backup");
   */
  scope(name: string): StoredState {
    return new StoredState(this.#values, `${this.#full(name)}/`);
  }

  /** A copy: changing it changes nothing here. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what it stored
  get<Value extends Json>(key: string): Value | undefined {
    return structuredClone(this.#values.map.get(this.#full(key))) as Value | undefined;
  }

  /**
   * Keeps a copy. An equal value is no change.
   * @throws TypeError for what JSON cannot say, such as NaN, a Map or a Date
   */
  set(key: string, value: Json): void {
    const full = this.#full(key);
    if (!isJson(value))
      throw new TypeError(`Cannot store "${key}": expected what JSON can say, got ${inspect(value)}`);
    if (JSON.stringify(value) === JSON.stringify(this.#values.map.get(full))) return;
    this.#values.map.set(full, structuredClone(value));
    this.#values.isDirty = true;
  }

  /** Keeps the value if there is none by this key, and gives the one that is there now. */
  setDefault<Value extends Json>(key: string, value: Value): Widened<Value> {
    if (!this.#values.map.has(this.#full(key))) this.set(key, value);
    return this.get(key) as Widened<Value>;
  }

  /** Forgets a value; a key that is not there is no error. */
  delete(key: string): void {
    this.#values.isDirty = this.#values.map.delete(this.#full(key)) || this.#values.isDirty;
  }

  /** Whether anything was changed in this dispatch. */
  get isDirty(): boolean {
    return this.#values.isDirty;
  }

  /** All values by key, those of scopes within this one by `scope/key`. */
  toJSON(): Record<string, Json> {
    const own = [...this.#values.map].filter(([key]) => key.startsWith(this.#prefix));
    return Object.fromEntries(own.map(([key, value]) => [key.slice(this.#prefix.length), value]));
  }

  #full(key: string): string {
    if (key.includes("/"))
      throw new TypeError(`Cannot store by the key "${key}": a "/" stands between a scope and its keys`);
    return `${this.#prefix}${key}`;
  }
}
