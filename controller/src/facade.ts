/**
 * Facades: named, versioned groups of methods behind the API's envelope. A facade is an object given once to
 * `defineFacade`; the server looks it up by name and version, and lists it at login unless it is only our own command's.
 */
import type { Account, Controller, LiveModel } from "./models.ts";

/** An error that a client sees: message and code in Juju's words (juju-api.md 11). */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  readonly info: Readonly<Record<string, unknown>> | undefined;

  constructor(code: string, message: string, info?: Readonly<Record<string, unknown>>) {
    super(message);
    this.code = code;
    this.info = info;
  }
}

/** Something that lives as long as its connection: a watcher. */
export interface ConnectionResource {
  stop(): void;
}

export interface Connection {
  readonly controller: Controller;
  /** absent on a controller connection */
  readonly model?: LiveModel;
  readonly user: Account;
  /** numbered "1", "2", … per connection; all are stopped when it closes */
  readonly resources: {
    add(resource: ConnectionResource): string;
    get(id: string): ConnectionResource | undefined;
    /** stops and forgets */
    remove(id: string): void;
  };
  /** aborted when the connection closes: long waits end by it */
  readonly closed: AbortSignal;
}

/** Top-level keys are lower case and never null (see `lenient` for nested objects). */
export type Params = Record<string, unknown>;
/** `undefined` is answered as `{}`. Throw ApiError or ModelError for an error envelope. */
export type FacadeMethod = (connection: Connection, params: Params, id: string, version: number) => unknown;

export interface FacadeDefinition {
  readonly name: string;
  readonly versions: readonly number[];
  /** by the name on the wire: `FullStatus` */
  readonly methods: Readonly<Record<string, FacadeMethod>>;
  /** where it is listed and may be called; default both */
  readonly on?: "model" | "controller" | "both";
  /** who may call it; default users */
  readonly for?: "user" | "machine" | "any";
  /** false for what only our own command calls: Juju's clients complain of names that they do not know */
  readonly isListed?: false;
}

const facades = new Map<string, FacadeDefinition>();

/** @throws Error when the name is taken */
export function defineFacade(definition: FacadeDefinition): FacadeDefinition {
  if (facades.has(definition.name)) throw new Error(`facade "${definition.name}" is defined twice`);
  facades.set(definition.name, definition);
  return definition;
}

/** What a connection of this kind is told that it may use, sorted by name. */
export function facadesFor(account: Account, hasModel: boolean): FacadeDefinition[] {
  return [...facades.values()]
    .filter((f) => f.isListed !== false && servedTo(f, account, hasModel))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @throws ApiError "not implemented" */
export function findMethod(
  name: string,
  version: number,
  method: string,
  account: Account,
  hasModel: boolean,
): FacadeMethod {
  const facade = facades.get(name);
  const known = facade && Object.hasOwn(facade.methods, method) ? facade.methods[method] : undefined;
  if (!facade || !known || !facade.versions.includes(version) || !servedTo(facade, account, hasModel)) {
    throw new ApiError(
      "not implemented",
      `no such request - method ${name}(${version}).${method} is not implemented`,
    );
  }
  return known;
}

function servedTo(facade: FacadeDefinition, account: Account, hasModel: boolean): boolean {
  const { on = "both", for: audience = "user" } = facade;
  return (
    (on === "both" || (on === "model") === hasModel) && (audience === "any" || audience === account.kind)
  );
}

/** One level of an object with keys in lower case and nulls left out: Go's lenient decoder, for nested parameters. */
export function lenient(value: unknown): Params {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return {};
  const entries = Object.entries(value).filter(([, v]) => v !== null && v !== undefined);
  return Object.fromEntries(entries.map(([k, v]) => [k.toLowerCase(), v]));
}

/** A list of lenient objects; null is the empty list. */
export function lenientList(value: unknown): Params[] {
  return Array.isArray(value) ? value.map(lenient) : [];
}
