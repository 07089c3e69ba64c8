/**
 * The log of events: the truth that every model is replayed from. Appends are transactions; a snapshot of the state
 * shortens the replay; events that a snapshot covers are dropped once they are too old or too many ("compacted").
 */
import type { DatabaseSync } from "node:sqlite";
import type { Cause, ModelEvent, ModelState, RecordedEvent } from "@cantrip/model";
import type { LoggedEvent } from "../models.ts";
import { transaction } from "./database.ts";

export interface Retention {
  readonly maxAgeMs: number;
  readonly maxEvents: number;
}
export const defaultRetention: Retention = { maxAgeMs: 14 * 24 * 3_600_000, maxEvents: 200_000 };

export interface ModelRecord {
  readonly uuid: string;
  readonly name: string;
  readonly owner: string;
  readonly createdAt: number;
  /** the state that the first event applies to */
  readonly genesis: ModelState;
}

interface EventRow {
  seq: number;
  at: number;
  cause: string;
  event: string;
}

export class EventLog {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  models(): ModelRecord[] {
    const rows = this.#db
      .prepare("SELECT uuid, name, owner, created_at, genesis FROM models ORDER BY created_at, uuid")
      .all();
    return rows.map((row) => ({
      uuid: String(row["uuid"]),
      name: String(row["name"]),
      owner: String(row["owner"]),
      createdAt: Number(row["created_at"]),
      genesis: JSON.parse(String(row["genesis"])) as ModelState,
    }));
  }

  addModel({ uuid, name, owner, createdAt, genesis }: ModelRecord): void {
    const insert = this.#db.prepare(
      "INSERT INTO models (uuid, name, owner, created_at, genesis) VALUES (?, ?, ?, ?, ?)",
    );
    transaction(this.#db, () => insert.run(uuid, name, owner, createdAt, JSON.stringify(genesis)));
  }

  /** Everything that belonged to the model goes with it: events, secrets and their keys, accounts. */
  removeModel(uuid: string): void {
    const tables = [
      "events",
      "snapshots",
      "secret_keys",
      "secret_contents",
      "accounts",
      "annotations",
      "ssh_keys",
      "pending_resources",
    ];
    transaction(this.#db, () => {
      for (const table of tables) this.#db.prepare(`DELETE FROM ${table} WHERE model = ?`).run(uuid);
      this.#db.prepare("DELETE FROM models WHERE uuid = ?").run(uuid);
    });
  }

  /** @param beside more writes of the same transaction (secret contents) */
  append(model: string, recorded: readonly RecordedEvent[], beside?: () => void): LoggedEvent[] {
    const insert = this.#db.prepare(
      "INSERT INTO events (model, at, type, cause, event) VALUES (?, ?, ?, ?, ?)",
    );
    return transaction(this.#db, () => {
      beside?.();
      return recorded.map(({ at, cause, event }) => {
        const texts = [JSON.stringify(cause), JSON.stringify(event)];
        const { lastInsertRowid } = insert.run(model, at, event.type, ...texts);
        return { seq: Number(lastInsertRowid), at, cause, event };
      });
    });
  }

  /** The newest snapshot, if any, and the events after it. */
  load(model: string): { snapshot?: { seq: number; state: ModelState }; events: Iterable<LoggedEvent> } {
    const row = this.#db.prepare("SELECT seq, state FROM snapshots WHERE model = ?").get(model);
    const seq = row ? Number(row["seq"]) : 0;
    const events = this.#events("seq > ?", [model, seq]);
    return row
      ? { snapshot: { seq, state: JSON.parse(String(row["state"])) as ModelState }, events }
      : { events };
  }

  saveSnapshot(model: string, seq: number, at: number, state: ModelState): void {
    const upsert = this.#db.prepare(
      "INSERT OR REPLACE INTO snapshots (model, seq, at, state) VALUES (?, ?, ?, ?)",
    );
    transaction(this.#db, () => upsert.run(model, seq, at, JSON.stringify(state)));
  }

  /** Drops what the snapshot covers and the retention no longer keeps. */
  compact(model: string, now: number, { maxAgeMs, maxEvents }: Retention = defaultRetention): number {
    const snapshot = this.#db.prepare("SELECT seq FROM snapshots WHERE model = ?").get(model);
    if (!snapshot) return 0;
    const byAge = this.#db
      .prepare("SELECT max(seq) AS seq FROM events WHERE model = ? AND at < ?")
      .get(model, now - maxAgeMs);
    const bySize = this.#db
      .prepare("SELECT seq FROM events WHERE model = ? ORDER BY seq DESC LIMIT 1 OFFSET ?")
      .get(model, maxEvents);
    const upTo = Math.min(
      Number(snapshot["seq"]),
      Math.max(Number(byAge?.["seq"] ?? 0), Number(bySize?.["seq"] ?? 0)),
    );
    if (upTo === 0) return 0;
    return transaction(this.#db, () => {
      const { changes } = this.#db
        .prepare("DELETE FROM events WHERE model = ? AND seq <= ?")
        .run(model, upTo);
      this.#db
        .prepare("UPDATE models SET compacted_to = max(compacted_to, ?) WHERE uuid = ?")
        .run(upTo, model);
      return Number(changes);
    });
  }

  /** Last seq that is no longer there; 0 when the log is whole. */
  compactedTo(model: string): number {
    return Number(
      this.#db.prepare("SELECT compacted_to FROM models WHERE uuid = ?").get(model)?.["compacted_to"] ?? 0,
    );
  }

  query(
    model: string,
    {
      after = 0,
      before = Number.MAX_SAFE_INTEGER,
      types,
      limit = 10_000,
    }: { after?: number; before?: number; types?: readonly string[]; limit?: number } = {},
  ): LoggedEvent[] {
    const typed = types ? ` AND type IN (${types.map(() => "?").join(", ")})` : "";
    const where = `seq > ? AND seq < ?${typed} ORDER BY seq DESC LIMIT ?`;
    const sql = `SELECT seq, at, cause, event FROM events WHERE model = ? AND ${where}`;
    const rows = this.#db.prepare(sql).all(model, after, before, ...(types ?? []), limit);
    return rows.reverse().map((row) => toEvent(row as unknown as EventRow));
  }

  *#events(where: string, values: (string | number)[]): Iterable<LoggedEvent> {
    const statement = this.#db.prepare(
      `SELECT seq, at, cause, event FROM events WHERE model = ? AND ${where} ORDER BY seq`,
    );
    for (const row of statement.iterate(...values)) yield toEvent(row as unknown as EventRow);
  }
}

function toEvent({ seq, at, cause, event }: EventRow): LoggedEvent {
  return { seq, at, cause: JSON.parse(cause) as Cause, event: JSON.parse(event) as ModelEvent };
}
