/** Files that survive a kill: written beside their place, flushed, renamed; and their digests, computed from the bytes. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";

export const sha256 = (bytes: string | Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex");

export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Replaces or creates a file in one step: a reader sees the old bytes or the new ones, also after a crash. */
export async function writeFileAtomically(
  file: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  const temporary = `${file}.${process.pid}.${Math.random().toString(36).slice(2, 8)}.tmp`;
  try {
    const handle = await open(temporary, "wx", mode);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw failedWrite(file, error);
  }
  await syncPath(path.dirname(file));
}

/** Names the place, as the system's own words do not, and what helps. The code stays, for those who decide by it. */
export function failedWrite(place: string, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason = isDiskFull(cause) ? "its disk is full; make room there and run it again" : message;
  return Object.assign(new Error(`Cannot write ${place}: ${reason}`, { cause }), { code });
}

/** Said by the kernel, or by SQLite (SQLITE_FULL), which the locks are made of. */
export function isDiskFull(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === "ENOSPC" || code === "EDQUOT" || errcode === 13;
}

/** Flushes one file or directory to the disk. */
export async function syncPath(place: string): Promise<void> {
  const handle = await open(place, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Flushes every file and directory of a tree, the inner ones first. */
export async function syncTree(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const place = path.join(directory, entry.name);
    if (entry.isDirectory()) await syncTree(place);
    else if (entry.isFile()) await syncPath(place);
  }
  await syncPath(directory);
}

/** The regular files of a tree as sorted relative paths. */
export async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .sort();
}
