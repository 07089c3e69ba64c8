/**
 * A lock between processes that cannot go stale: SQLite holds a lock of the kernel on the file, and the kernel drops it when its
 * holder dies, however it dies. A file with a process id would have to be judged and taken over, and two judges can meet.
 * The file stays behind empty; only its lock means anything.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

const busy = 5; // SQLITE_BUSY

export class LockTimeoutError extends Error {
  override readonly name = "LockTimeoutError";
}

export interface LockOptions {
  readonly file: string;
  /** What is waited for, in words: "the build of etcd". */
  readonly purpose: string;
  readonly timeoutMs?: number;
  /** Called once if another holds the lock, with its process id if that is known. */
  readonly onWait?: (holder: string | undefined) => void;
}

/**
 * Runs `work` while no other process or caller runs under the same lock file.
 * @throws LockTimeoutError
 */
export async function withLock<T>(
  { file, purpose, timeoutMs = 60 * 60_000, onWait }: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(path.dirname(file), { recursive: true });
  const database = new DatabaseSync(file);
  try {
    await acquire(database, { file, purpose, timeoutMs, ...(onWait ? { onWait } : {}) });
    await writeFile(`${file}.holder`, `${process.pid}\n`);
    return await work();
  } finally {
    database.close();
  }
}

async function acquire(
  database: DatabaseSync,
  { file, purpose, timeoutMs = 0, onWait }: LockOptions,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let told = false; !tryBegin(database); told = true) {
    const holder = (await readFile(`${file}.holder`, "utf8").catch(() => "")).trim() || undefined;
    if (!told) onWait?.(holder);
    if (performance.now() > deadline) {
      throw new LockTimeoutError(
        `Gave up waiting for ${purpose}: process ${holder ?? "(unknown)"} has held ${file} for more than ${Math.round(timeoutMs / 1000)} s; wait for it or end it, then run again`,
      );
    }
    await sleep(100);
  }
}

function tryBegin(database: DatabaseSync): boolean {
  try {
    database.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === busy) return false;
    throw error;
  }
}
