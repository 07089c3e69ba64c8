/** Values that many facades share: tags, times, per-item results, and the entities that they name. */
import { ModelError, type Application, type Machine, type Source, type Unit } from "@cantrip/model";
import { ApiError, type Connection } from "../facade.ts";
import type { LiveModel } from "../models.ts";

export const time = (ms: number): string => new Date(ms).toISOString();
export const optionalTime = (ms: number | undefined): string | null => (ms === undefined ? null : time(ms));

export const unitTag = (name: string): string => `unit-${name.replace("/", "-")}`;
export const machineTag = (id: string): string => `machine-${id.replaceAll("/", "-")}`;
export const applicationTag = (name: string): string => `application-${name}`;
export const modelTag = (uuid: string): string => `model-${uuid}`;
export const userName = (tag: string): string => tag.replace(/^user-/, "").replace(/@local$/, "");

const tagKinds = [
  "application",
  "unit",
  "machine",
  "model",
  "user",
  "action",
  "operation",
  "controller",
  "cloud",
] as const;
export type TagKind = (typeof tagKinds)[number];

/** @throws ApiError "bad request" when it is no tag of a known kind */
export function parseTag(tag: string): { kind: TagKind; id: string } {
  const kind = tagKinds.find((k) => tag.startsWith(`${k}-`));
  if (!kind || tag.length === kind.length + 1)
    throw new ApiError("bad request", `${JSON.stringify(tag.slice(0, 80))} is not a valid tag`);
  return { kind, id: idOf(kind, tag.slice(kind.length + 1)) };
}

function idOf(kind: TagKind, rest: string): string {
  if (kind === "unit") return rest.replace(/-(\d+)$/, "/$1");
  if (kind === "machine") return rest.replaceAll("-", "/");
  return kind === "user" ? rest.replace(/@local$/, "") : rest;
}

/** The id in a tag of this kind. @throws ApiError "bad request" */
export function idIn(tag: string, kind: TagKind): string {
  const parsed = parseTag(tag);
  if (parsed.kind === kind) return parsed.id;
  throw new ApiError("bad request", `${JSON.stringify(tag.slice(0, 80))} is not a valid ${kind} tag`);
}

/** @throws ApiError "not implemented" on a controller connection */
export function modelOf(connection: Connection): LiveModel {
  if (connection.model) return connection.model;
  throw new ApiError("not implemented", "this facade is served on model connections only");
}

export const sourceOf = (connection: Connection): Source => ({
  by: "user",
  user: userName(connection.user.tag),
});

/** @throws ApiError "not found" */
export function applicationIn(model: LiveModel, name: string): Application {
  return own(model.state.applications, name) ?? notFound(`application "${name.slice(0, 80)}"`);
}

/** @throws ApiError "not found" */
export function unitIn(model: LiveModel, name: string): Unit {
  return own(model.state.units, name) ?? notFound(`unit "${name.slice(0, 80)}"`);
}

/** @throws ApiError "not found" */
export function machineIn(model: LiveModel, id: string): Machine {
  return own(model.state.machines, id) ?? notFound(`machine ${id.slice(0, 80)}`);
}

/** Never finds what an object inherits (`constructor`). */
export function own<Value>(entries: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(entries, key) ? entries[key] : undefined;
}

export function notFound(what: string): never {
  throw new ApiError("not found", `${what} not found`);
}

export interface WireError {
  readonly message: string;
  readonly code: string;
}

/** What the client is told of a failed item. An unforeseen error is not explained to it, but thrown on. */
export function wireError(error: unknown): WireError {
  if (error instanceof ApiError || error instanceof ModelError)
    return { message: error.message, code: error.code };
  throw error;
}

/** One result per item, in order; a refused one carries its error and stops nobody else (R19). */
export async function eachResult<Item, Result extends object>(
  all: readonly Item[],
  act: (item: Item) => Promise<Result | undefined> | Result | undefined,
): Promise<(Result | { error: WireError } | Record<string, never>)[]> {
  const results = [];
  for (const item of all) {
    try {
      results.push((await act(item)) ?? {});
    } catch (error) {
      results.push({ error: wireError(error) });
    }
  }
  return results;
}

/** As many as there are units on one machine bag: names compared by number, not by text. */
export const naturally = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });
