/**
 * The controller's SQLite file. One writer, this process; every transaction is on disk before it is answered.
 * Debug logs have a file of their own, which may lose its last moments with the machine's power.
 */
import { DatabaseSync } from "node:sqlite";

/** Raised when a table changes shape; a file of another number is refused, not guessed at. */
const schemaVersion = 1;

const schema = `
CREATE TABLE IF NOT EXISTS models (
  uuid TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, created_at INTEGER NOT NULL, genesis TEXT NOT NULL,
  compacted_to INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, at INTEGER NOT NULL, type TEXT NOT NULL, cause TEXT NOT NULL, event TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS events_of_model ON events (model, seq);
CREATE TABLE IF NOT EXISTS snapshots (model TEXT PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS secret_keys (model TEXT NOT NULL, secret TEXT NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (model, secret)) STRICT;
CREATE TABLE IF NOT EXISTS secret_contents (
  content TEXT PRIMARY KEY, model TEXT NOT NULL, secret TEXT NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS accounts (
  model TEXT NOT NULL, tag TEXT NOT NULL, salt BLOB NOT NULL, hash BLOB NOT NULL, nonce TEXT NOT NULL DEFAULT '', PRIMARY KEY (model, tag)) STRICT;
CREATE TABLE IF NOT EXISTS annotations (model TEXT NOT NULL, tag TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (model, tag, key)) STRICT;
CREATE TABLE IF NOT EXISTS ssh_keys (model TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (model, key)) STRICT;
CREATE TABLE IF NOT EXISTS pending_resources (
  id TEXT PRIMARY KEY, model TEXT NOT NULL, application TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, resource TEXT) STRICT;
`;

const logSchema = `
CREATE TABLE IF NOT EXISTS logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, at INTEGER NOT NULL, entity TEXT NOT NULL, module TEXT NOT NULL,
  level INTEGER NOT NULL, message TEXT NOT NULL, location TEXT NOT NULL DEFAULT '') STRICT;
CREATE INDEX IF NOT EXISTS logs_of_model ON logs (model, id);
`;

/** @throws Error when the file was written by another version of the store */
export function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  // secure_delete overwrites what is deleted, so that a removed secret's key does not linger in free pages.
  db.exec(
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA wal_autocheckpoint=500;",
  );
  const found = Number(db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
  if (found !== 0 && found !== schemaVersion) {
    db.close();
    throw new Error(
      `cannot use the store "${path}": its schema is ${found}, this controller reads ${schemaVersion}`,
    );
  }
  db.exec(schema);
  db.exec(`PRAGMA user_version=${schemaVersion}`);
  return db;
}

export function openLogDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
  db.exec(logSchema);
  return db;
}

/** Runs `body` in one transaction: all of it is on disk when this returns, or nothing of it. */
export function transaction<T>(db: DatabaseSync, body: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
