/** Files that survive a kill at any instant: written aside, synced, then renamed over the old ones. */
import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

let sequence = 0;

export interface NewFile {
  readonly path: string;
  readonly content: string | Uint8Array;
}

/** Replaces a file atomically and durably; its directory is made (0700) if missing. */
export const writeAtomically = (path: string, content: string | Uint8Array, mode = 0o600): Promise<void> =>
  replaceTogether([{ path, content }], mode);

/** Replaces files of one directory, the first first: all of them are on disk before the first is replaced. */
export async function replaceTogether(files: readonly NewFile[], mode = 0o600): Promise<void> {
  const directory = dirname(files[0]!.path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const staged = files.map((file) => ({ ...file, temporary: temporaryFor(file.path) }));
  let writing = files[0]!.path;
  try {
    for (const { path, temporary, content } of staged) {
      writing = path;
      await writeSynced(temporary, content, mode);
    }
    for (const { path, temporary } of staged) await rename(temporary, (writing = path));
  } catch (error) {
    for (const { temporary } of staged) await rm(temporary, { force: true });
    throw failedWrite(writing, error);
  }
  await syncDirectory(directory);
}

function temporaryFor(path: string): string {
  sequence += 1;
  return `${path}.${process.pid}-${sequence}.tmp`;
}

const TEMPORARY = /\.(\d+)-(\d+)\.tmp$/;

/**
 * Deletes what writes that were killed have left in directories. It may hold keys, and its name is in the way of a later
 * process of the same id. Returns the paths.
 */
export async function sweepTemporaries(directories: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(
    directories.map(async (directory) => {
      const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isFile()).map(({ name }) => join(directory, name));
    }),
  );
  const left = lists.flat().filter(isLeftOver);
  for (const path of left) await rm(path, { force: true });
  return left;
}

/** Of a process that is no more: also of an earlier one with this one's id, which has used no such number yet. */
function isLeftOver(path: string): boolean {
  const [, pid, number] = TEMPORARY.exec(path) ?? [];
  if (pid === undefined) return false;
  return Number(pid) === process.pid ? Number(number) > sequence : !isAlive(Number(pid));
}

/** True while a process of this id is there. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Names the file, as the system's own words do not, and what helps. The code stays, for those who decide by it. */
function failedWrite(path: string, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  const reason = isFull ? "its disk is full; make room there and try again" : message;
  return Object.assign(new Error(`Cannot write ${path}: ${reason}`, { cause }), { code });
}

async function writeSynced(path: string, content: string | Uint8Array, mode: number) {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string) {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Deletes a file so that it stays deleted after a power cut; a missing file is fine. */
export async function removeDurably(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Content of a text file, or undefined if there is none. */
export async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Writes only if the content differs; true if it did. */
export async function writeIfChanged(path: string, content: string, mode = 0o600): Promise<boolean> {
  if ((await readIfExists(path)) === content) return false;
  await writeAtomically(path, content, mode);
  return true;
}

const isMissing = (error: unknown) =>
  ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
