/**
 * A content-addressed cache of directories: `DIR/<key>/` with an `entry.json` that records size, modification time and SHA-256 of every file.
 * An entry appears by one rename after its bytes are on the disk, so it is there whole or not at all. A warm look-up compares sizes and
 * times only; where they differ the bytes are hashed, and an entry whose bytes differ is thrown away and made again.
 */
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import {
  failedWrite,
  isDiskFull,
  listFiles,
  sha256OfFile,
  syncPath,
  syncTree,
  writeFileAtomically,
} from "./files.ts";
import { withLock } from "./lock.ts";

export interface CachedFile {
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  readonly mtimeNs: string;
  readonly sha256: string;
}

export interface CacheEntry {
  readonly key: string;
  /** The directory that holds the files. */
  readonly directory: string;
  readonly files: readonly CachedFile[];
  /** Facts that the maker recorded about this entry. */
  readonly facts: Readonly<Record<string, string>>;
  /** False if it was made just now. */
  readonly cached: boolean;
}

interface EntryRecord {
  readonly schema: 1;
  readonly files: readonly CachedFile[];
  readonly facts: Readonly<Record<string, string>>;
}

const recordName = "entry.json";
const keyPattern = /^[a-z0-9][a-z0-9.-]*$/;

export interface CacheOptions {
  /** The folder of all entries. */
  readonly directory: string;
  readonly key: string;
  /** What is made, in words, for messages and waits. */
  readonly subject: string;
  /** Fills an empty directory; returns facts to record. */
  readonly make: (directory: string) => Promise<Readonly<Record<string, string>>>;
  readonly onWait?: (holder: string | undefined) => void;
  readonly onRefused?: (reason: string) => void;
  /** Hash every byte also where sizes and times agree. */
  readonly full?: boolean;
}

/** Finds an entry or makes it; of several processes that ask at once, one makes it. */
export async function cacheEntry(options: CacheOptions): Promise<CacheEntry> {
  const { directory, key, subject, onWait } = options;
  if (!keyPattern.test(key))
    throw new TypeError(
      `Cannot use ${JSON.stringify(key)} as a cache key: expected lower-case letters, digits, "." and "-"`,
    );
  const found = await lookUp(options);
  if (found) return found;
  const lock = { file: path.join(directory, ".locks", key), purpose: subject, ...(onWait ? { onWait } : {}) };
  try {
    return await withLock(lock, async () => (await lookUp(options)) ?? (await makeEntry(options)));
  } catch (error) {
    throw isDiskFull(error) ? failedWrite(path.join(directory, key), error) : error;
  }
}

async function lookUp({
  directory,
  key,
  full = false,
  onRefused,
}: CacheOptions): Promise<CacheEntry | undefined> {
  const place = path.join(directory, key);
  const record = await readRecord(place);
  if (!record) return undefined;
  const problem = await findProblem(place, record.files, full);
  if (problem === undefined)
    return { key, directory: place, files: record.files, facts: record.facts, cached: true };
  onRefused?.(`${place} is not used: ${problem}`);
  return undefined;
}

async function readRecord(place: string): Promise<EntryRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(path.join(place, recordName), "utf8")) as EntryRecord;
    return record.schema === 1 && Array.isArray(record.files) ? record : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Says what is wrong with recorded files, or undefined if they are as recorded. */
export async function findProblem(
  place: string,
  files: readonly CachedFile[],
  full = false,
): Promise<string | undefined> {
  for (const file of files) {
    const absolute = path.join(place, file.path);
    const found = await stat(absolute, { bigint: true }).catch(() => undefined);
    if (!found?.isFile()) return `${file.path} is missing`;
    if (Number(found.size) !== file.size)
      return `${file.path} has ${found.size} bytes, expected ${file.size}`;
    if (!full && String(found.mtimeNs) === file.mtimeNs) continue;
    const digest = await sha256OfFile(absolute);
    if (digest !== file.sha256) return `${file.path} has SHA-256 ${digest}, expected ${file.sha256}`;
  }
  return undefined;
}

/** Runs under the entry's lock, so every left-over of this key belongs to a dead process. */
async function makeEntry({ directory, key, make }: CacheOptions): Promise<CacheEntry> {
  const place = path.join(directory, key);
  await removeLeftovers(directory, key);
  const temporary = await mkdtemp(path.join(directory, `.new-${key}.`));
  try {
    await chmod(temporary, 0o755);
    const facts = await make(temporary);
    const files = await recordFiles(temporary);
    await syncTree(temporary);
    await writeFileAtomically(
      path.join(temporary, recordName),
      `${JSON.stringify({ schema: 1, files, facts } satisfies EntryRecord, null, 1)}\n`,
    );
    await discard(directory, key);
    await rename(temporary, place);
    await syncPath(directory);
    return { key, directory: place, files, facts, cached: false };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** A refused entry leaves by a rename: it is never seen half removed. */
async function discard(directory: string, key: string): Promise<void> {
  const old = path.join(directory, `.old-${key}.${process.pid}`);
  await rename(path.join(directory, key), old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await rm(old, { recursive: true, force: true });
}

async function removeLeftovers(directory: string, key: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of await readdir(directory)) {
    if (name.startsWith(`.new-${key}.`) || name.startsWith(`.old-${key}.`))
      await rm(path.join(directory, name), { recursive: true, force: true });
  }
}

/** Records the files of a directory: hashes each. */
export async function recordFiles(directory: string): Promise<CachedFile[]> {
  const files: CachedFile[] = [];
  for (const relative of await listFiles(directory)) {
    const absolute = path.join(directory, relative);
    const found = await stat(absolute, { bigint: true });
    files.push({
      path: relative,
      mode: Number(found.mode & 0o777n),
      size: Number(found.size),
      mtimeNs: String(found.mtimeNs),
      sha256: await sha256OfFile(absolute),
    });
  }
  return files;
}
