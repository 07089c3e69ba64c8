import { Secret } from "../model/secret.ts";
import { StorageInstance } from "../model/storage.ts";
import type { Framework } from "./framework.ts";
import { DataEvent, HookEvent, RelationEvent, SecretEvent, StorageEvent } from "./events.ts";
import type { Json, Notice } from "./stored.ts";

type Fields = Record<string, Json | undefined>;

/** What is needed to make the event again in a later dispatch. */
export function snapshotOf(event: HookEvent): Json {
  return JSON.parse(JSON.stringify(fieldsOf(event))) as Json;
}

function fieldsOf(event: HookEvent): Fields {
  if (event instanceof RelationEvent) {
    const { relation, app, unit, departingUnit } = event;
    return { kind: "relation", endpoint: relation.name, id: relation.id, app, unit, departingUnit };
  }
  if (event instanceof SecretEvent)
    return { kind: "secret", id: event.secret.id, label: event.secret.label, revision: event.revision };
  if (event instanceof StorageEvent) return { kind: "storage", id: event.storage.id };
  if (event instanceof DataEvent) return { kind: "data", data: event.data };
  return { kind: "hook" };
}

/**
 * The event of a notice over today's model. A relation that is gone by now is not active; the event is undefined only if the charm
 * has no such endpoint any more.
 */
export async function restoreEvent(
  { event: name, snapshot }: Notice,
  { model, tools, definition }: Framework,
): Promise<HookEvent | undefined> {
  const fields = snapshot as Record<string, Json | undefined>;
  const text = (key: string): string | undefined =>
    typeof fields[key] === "string" ? fields[key] : undefined;
  switch (text("kind") ?? "hook") {
    case "relation": {
      const endpoint = text("endpoint") ?? "";
      const isKnown = definition.metadata.endpoints.some(({ name: known }) => known === endpoint);
      if (!isKnown || typeof fields["id"] !== "number") return undefined;
      return new RelationEvent(name, {
        relation: await model.relation(endpoint, fields["id"]),
        app: text("app"),
        unit: text("unit"),
        departingUnit: text("departingUnit"),
      });
    }
    case "secret":
      return new SecretEvent(
        name,
        new Secret(tools, { id: text("id"), label: text("label") }),
        fields["revision"] as number | undefined,
      );
    case "storage":
      return new StorageEvent(name, new StorageInstance(tools, text("id") ?? ""));
    case "data":
      return new DataEvent({ name }, fields["data"] ?? null);
    default:
      return new HookEvent(name);
  }
}
