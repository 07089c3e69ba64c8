import { Secret } from "../model/secret.ts";
import { StorageInstance } from "../model/storage.ts";
import type { Framework } from "./framework.ts";
import { HookEvent, RelationEvent, SecretEvent, StorageEvent } from "./events.ts";
import type { Json, Notice } from "./stored.ts";

type Fields = Record<string, string | number | undefined>;

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
  return { kind: "hook" };
}

/** The event of a notice over today's model; undefined if what it was about is gone. */
export async function restoreEvent(
  { event: name, snapshot }: Notice,
  { model, tools }: Framework,
): Promise<HookEvent | undefined> {
  const fields = snapshot as Record<string, Json | undefined>;
  const text = (key: string): string | undefined =>
    typeof fields[key] === "string" ? fields[key] : undefined;
  switch (text("kind") ?? "hook") {
    case "relation": {
      const relations = await model.relations(text("endpoint") ?? "").catch(() => []);
      const relation = relations.find(({ id }) => id === fields["id"]);
      return (
        relation &&
        new RelationEvent(name, {
          relation,
          app: text("app"),
          unit: text("unit"),
          departingUnit: text("departingUnit"),
        })
      );
    }
    case "secret":
      return new SecretEvent(
        name,
        new Secret(tools, { id: text("id"), label: text("label") }),
        fields["revision"] as number | undefined,
      );
    case "storage":
      return new StorageEvent(name, new StorageInstance(tools, text("id") ?? ""));
    default:
      return new HookEvent(name);
  }
}
