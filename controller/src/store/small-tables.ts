/** Small things that clients keep with the controller and that are no part of a model's state. */
import { randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { Resource } from "@cantrip/model";
import { ApiError } from "../facade.ts";
import type { Controller, PendingResources } from "../models.ts";
import { transaction } from "./database.ts";

/** A resource that no deploy came for is forgotten after a day. */
const pendingMs = 24 * 3_600_000;

export class PendingResourceTable implements PendingResources {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    db.prepare("DELETE FROM pending_resources WHERE at < ?").run(Date.now() - pendingMs);
  }

  add(modelUuid: string, application: string, name: string): string {
    const id = randomUUID();
    const insert = this.#db.prepare(
      "INSERT INTO pending_resources (id, model, application, name, at) VALUES (?, ?, ?, ?, ?)",
    );
    insert.run(id, modelUuid, application, name, Date.now());
    return id;
  }

  get(pendingId: string) {
    const row = this.#db
      .prepare("SELECT model, application, name, resource FROM pending_resources WHERE id = ?")
      .get(pendingId);
    if (!row) return undefined;
    const resource =
      row["resource"] === null ? {} : { resource: JSON.parse(String(row["resource"])) as Resource };
    return {
      modelUuid: String(row["model"]),
      application: String(row["application"]),
      name: String(row["name"]),
      ...resource,
    };
  }

  fulfil(pendingId: string, resource: Resource): void {
    const { changes } = this.#db
      .prepare("UPDATE pending_resources SET resource = ? WHERE id = ?")
      .run(JSON.stringify(resource), pendingId);
    if (changes === 0) throw new ApiError("not found", `pending resource "${pendingId}" not found`);
  }

  take(pendingId: string): void {
    this.#db.prepare("DELETE FROM pending_resources WHERE id = ?").run(pendingId);
  }

  /** digests that must not be swept away */
  blobs(): string[] {
    const rows = this.#db.prepare("SELECT resource FROM pending_resources WHERE resource IS NOT NULL").all();
    return rows.map((row) => (JSON.parse(String(row["resource"])) as Resource).sha256);
  }
}

export function annotationTable(db: DatabaseSync): Controller["annotations"] {
  return {
    get(model, tag) {
      const rows = db
        .prepare("SELECT key, value FROM annotations WHERE model = ? AND tag = ? ORDER BY key")
        .all(model, tag);
      return Object.fromEntries(rows.map((row) => [String(row["key"]), String(row["value"])]));
    },
    set(model, tag, values) {
      transaction(db, () => {
        for (const [key, value] of Object.entries(values)) {
          if (value === "")
            db.prepare("DELETE FROM annotations WHERE model = ? AND tag = ? AND key = ?").run(
              model,
              tag,
              key,
            );
          else
            db.prepare("INSERT OR REPLACE INTO annotations (model, tag, key, value) VALUES (?, ?, ?, ?)").run(
              model,
              tag,
              key,
              value,
            );
        }
      });
    },
  };
}

/** @param own the controller's key, which every model has */
export function sshKeyTable(db: DatabaseSync, own: string, onChange: (model: string) => void) {
  return {
    keys(model: string): string[] {
      const rows = db.prepare("SELECT key FROM ssh_keys WHERE model = ? ORDER BY key").all(model);
      return [own, ...rows.map((row) => String(row["key"]))];
    },
    addKeys(model: string, keys: readonly string[]): void {
      for (const key of keys) {
        if (!/^[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\r\n]*)?$/.test(key.trim()))
          throw new ApiError("not valid", `"${key.slice(0, 40)}" is not an SSH public key`);
      }
      for (const key of keys)
        db.prepare("INSERT OR IGNORE INTO ssh_keys (model, key) VALUES (?, ?)").run(model, key.trim());
      onChange(model);
    },
    removeKeys(model: string, keys: readonly string[]): void {
      for (const key of keys)
        db.prepare("DELETE FROM ssh_keys WHERE model = ? AND key = ?").run(model, key.trim());
      onChange(model);
    },
  };
}
