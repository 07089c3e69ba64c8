/** Debug logs of agents and charms: a bounded table per controller, written in batches, and followed live. */
import type { DatabaseSync } from "node:sqlite";
import type { LogFilter, LogLevel, LogRecord, Logs } from "../models.ts";
import { transaction } from "./database.ts";

const levels: readonly LogLevel[] = ["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const flushMs = 150;

interface Follower {
  readonly model: string;
  readonly filter: LogFilter;
  readonly listener: (record: LogRecord) => void;
}

export class LogSink implements Logs {
  readonly #db: DatabaseSync;
  readonly #maxRecords: number;
  readonly #followers = new Set<Follower>();
  #waiting: { model: string; record: LogRecord }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(db: DatabaseSync, { maxRecords = 200_000 }: { maxRecords?: number } = {}) {
    this.#db = db;
    this.#maxRecords = maxRecords;
  }

  append(model: string, records: readonly LogRecord[]): void {
    for (const record of records) {
      this.#waiting.push({ model, record });
      for (const f of this.#followers) if (f.model === model && matches(f.filter, record)) f.listener(record);
    }
    this.#timer ??= setTimeout(() => this.flush(), flushMs).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting.splice(0);
    if (batch.length === 0) return;
    const insert = this.#db.prepare(
      "INSERT INTO logs (model, at, entity, module, level, message, location) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    transaction(this.#db, () => {
      for (const { model, record: r } of batch) {
        insert.run(model, r.at, r.entity, r.module, levels.indexOf(r.level), r.message, r.location ?? "");
      }
      this.#db.prepare("DELETE FROM logs WHERE id <= (SELECT max(id) FROM logs) - ?").run(this.#maxRecords);
    });
  }

  query(model: string, filter: LogFilter = {}, limit = 10_000): LogRecord[] {
    this.flush();
    const found: LogRecord[] = [];
    const rows = this.#db.prepare(
      "SELECT at, entity, module, level, message, location FROM logs WHERE model = ? AND at >= ? AND level >= ? ORDER BY id DESC",
    );
    for (const row of rows.iterate(model, filter.since ?? 0, levels.indexOf(filter.level ?? "TRACE"))) {
      const record = toRecord(row);
      if (matches(filter, record) && found.push(record) >= limit) break;
    }
    return found.reverse();
  }

  follow(model: string, filter: LogFilter, listener: (record: LogRecord) => void): () => void {
    const follower = { model, filter, listener };
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  removeModel(model: string): void {
    this.#waiting = this.#waiting.filter((w) => w.model !== model);
    this.#db.prepare("DELETE FROM logs WHERE model = ?").run(model);
  }
}

function toRecord(row: Record<string, unknown>): LogRecord {
  const location = String(row["location"]);
  return {
    at: Number(row["at"]),
    entity: String(row["entity"]),
    module: String(row["module"]),
    level: levels[Number(row["level"])] ?? "INFO",
    message: String(row["message"]),
    ...(location ? { location } : {}),
  };
}

export function matches(filter: LogFilter, record: LogRecord): boolean {
  const { includeEntity = [], excludeEntity = [], includeModule = [], excludeModule = [] } = filter;
  if (filter.level && levels.indexOf(record.level) < levels.indexOf(filter.level)) return false;
  if (filter.since !== undefined && record.at < filter.since) return false;
  if (includeEntity.length > 0 && !includeEntity.some((p) => entityMatches(p, record.entity))) return false;
  if (excludeEntity.some((p) => entityMatches(p, record.entity))) return false;
  if (includeModule.length > 0 && !includeModule.some((p) => moduleMatches(p, record.module))) return false;
  return !excludeModule.some((p) => moduleMatches(p, record.module));
}

/** `unit-k8s-0`, `k8s/0`, `machine-3`, `3`, each with `*` at its end for any rest. */
function entityMatches(pattern: string, tag: string): boolean {
  const [body, open] = pattern.endsWith("*") ? [pattern.slice(0, -1), true] : [pattern, false];
  const forms = [body, `unit-${body.replace("/", "-")}`, `machine-${body}`];
  return forms.some((form) => (open ? tag.startsWith(form) : tag === form));
}

function moduleMatches(pattern: string, module: string): boolean {
  const prefix = pattern.replace(/\*$/, "").replace(/\.$/, "");
  return (
    module === prefix ||
    module.startsWith(`${prefix}.`) ||
    (pattern.endsWith("*") && module.startsWith(prefix))
  );
}
