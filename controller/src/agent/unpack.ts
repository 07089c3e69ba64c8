/**
 * Puts a charm archive into the charm directory: files as archived, with their modes; files of the previous archive that
 * are gone are removed; files that the charm made stay. May be killed and repeated at any point.
 */
import {
  chmodSync,
  createWriteStream,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  rmdirSync,
  symlinkSync,
} from "node:fs";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { openPromise, type Entry, type ZipFile } from "yauzl";
import { writeFileAtomic } from "../files.ts";

interface Manifest {
  /** archive that is unpacked wholly; absent while one is under way */
  readonly sha256?: string;
  readonly files: readonly string[];
}

export interface UnpackOptions {
  readonly archive: string;
  readonly sha256: string;
  readonly charmDir: string;
  /** file that remembers what was unpacked */
  readonly manifest: string;
}

export async function unpackCharm({ archive, sha256, charmDir, manifest }: UnpackOptions): Promise<void> {
  mkdirSync(charmDir, { recursive: true, mode: 0o755 });
  mkdirSync(dirname(manifest), { recursive: true });
  const before = readManifest(manifest);
  const zip = await openPromise(archive, { autoClose: false });
  try {
    const entries: Entry[] = [];
    for await (const entry of zip.eachEntry()) entries.push(entry);
    const files = entries.map((e) => e.fileName).filter((name) => !name.endsWith("/"));
    // Both old and new names first, so that a second run still knows what to remove.
    save(manifest, { files: [...new Set([...before.files, ...files])] });
    for (const entry of entries) await extract(zip, entry, charmDir);
    const kept = new Set(files);
    for (const name of before.files) if (!kept.has(name)) removeOld(charmDir, name);
    makeHooksExecutable(charmDir, files);
    save(manifest, { sha256, files });
  } finally {
    zip.close();
  }
}

/** Whether exactly this archive is in place. */
export function isUnpacked(manifest: string, sha256: string): boolean {
  return readManifest(manifest).sha256 === sha256;
}

async function extract(zip: ZipFile, entry: Entry, root: string): Promise<void> {
  const target = inside(root, entry.fileName);
  const mode = (entry.externalFileAttributes >>> 16) & 0xffff;
  const kind = mode & 0o170000;
  if (entry.fileName.endsWith("/")) return makeDirectory(root, target);
  makeDirectory(root, dirname(target));
  clearWay(target);
  if (kind === 0o120000) return link(root, target, entry, await readText(zip, entry));
  if (kind !== 0 && kind !== 0o100000)
    throw new Error(`cannot unpack "${entry.fileName}": it is neither file, directory nor symbolic link`);
  const temporary = `${target}.cantrip-new`;
  await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(temporary, { mode: 0o600 }));
  chmodSync(temporary, mode === 0 ? 0o644 : mode & 0o777);
  renameSync(temporary, target);
}

/** @throws Error for a name that leaves the charm directory */
function inside(root: string, name: string): string {
  const target = resolve(root, name);
  if (isAbsolute(name) || name.includes("\\") || !(target === root || target.startsWith(root + sep))) {
    throw new Error(`cannot unpack "${name}": it leaves the charm directory`);
  }
  return target;
}

/** Symbolic links that an earlier charm or its code made must not carry a file elsewhere. */
function makeDirectory(root: string, directory: string): void {
  const parts = relative(root, directory).split(sep).filter(Boolean);
  let at = root;
  for (const part of parts) {
    at = join(at, part);
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found?.isDirectory()) continue;
    if (found?.isSymbolicLink() && isInside(root, realpathSync(at))) continue;
    if (found) rmSync(at, { force: true });
    mkdirSync(at, { mode: 0o755 });
  }
}

function clearWay(target: string): void {
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found?.isDirectory()) rmSync(target, { recursive: true });
}

function link(root: string, target: string, entry: Entry, to: string): void {
  if (isAbsolute(to) || !isInside(root, resolve(dirname(target), to))) {
    throw new Error(
      `cannot unpack "${entry.fileName}": the symbolic link to "${to}" leaves the charm directory`,
    );
  }
  rmSync(target, { force: true });
  symlinkSync(to, target);
}

function isInside(root: string, path: string): boolean {
  const real = realpathSync(root);
  return [root, real].some((r) => path === r || path.startsWith(r + sep));
}

async function readText(zip: ZipFile, entry: Entry): Promise<string> {
  if (entry.uncompressedSize > 4_096)
    throw new Error(`cannot unpack "${entry.fileName}": its target is longer than 4096 bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function removeOld(root: string, name: string): void {
  const target = inside(root, name);
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (!found || found.isDirectory() || !isInside(root, realpathSync(dirname(target)))) return;
  rmSync(target, { force: true });
  for (let at = dirname(target); at !== root; at = dirname(at)) {
    try {
      rmdirSync(at);
    } catch {
      return;
    }
  }
}

/** Juju forgives hooks without the executable bit, not `dispatch`. */
function makeHooksExecutable(root: string, files: readonly string[]): void {
  for (const name of files) {
    if (!/^hooks\/[a-z0-9-]+$/.test(name)) continue;
    const found = lstatSync(join(root, name));
    if (found.isFile() && (found.mode & 0o100) === 0)
      chmodSync(join(root, name), (found.mode & 0o777) | 0o100);
  }
}

function readManifest(path: string): Manifest {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Manifest;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { files: [] };
    throw new Error(`cannot read the charm's manifest "${path}"`, { cause: error });
  }
}

function save(path: string, manifest: Manifest): void {
  writeFileAtomic(path, JSON.stringify(manifest));
}
