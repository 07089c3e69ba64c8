/** Files that survive a kill at any instant, and files written into a machine's disk without following its links out of it. */
import { randomBytes } from "node:crypto";
import { chown, lstat, mkdir, open, readFile, readlink, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";

export async function writeAtomic(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.new`;
  try {
    await writeNew(temporary, content, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw failedWrite(path, error);
  }
  await syncFolder(dirname(path));
}

async function writeNew(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const file = await open(path, "wx", mode);
  try {
    await fill(file, content, mode);
  } finally {
    await file.close();
  }
}

/** Names the file, as the system's own words do not, and what helps. */
function failedWrite(path: string, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  const reason = isFull ? "its disk is full; make room there and try again" : message;
  return Object.assign(new Error(`Cannot write ${path}: ${reason}`, { cause }), { code });
}

async function fill(file: FileHandle, content: string | Uint8Array, mode: number): Promise<void> {
  await file.writeFile(content);
  await file.chmod(mode);
  await file.sync();
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The file's text, or undefined if there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

export async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new Error(`Cannot read ${path}: it is not JSON; remove it if nothing of it is needed`, { cause });
  }
}

/** No such file, no such process, or a path through something that is no folder. */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ESRCH" || code === "ENOTDIR";
}

/**
 * Writes into the upper layer of a machine that has not run yet. Symbolic links of the image are followed as the
 * machine would follow them (`/var/run` → `/run` is the machine's `/run`), and folders keep the image's owner and mode.
 */
export async function writeInLayer(
  layers: { upper: string; lower: string },
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  const resolved = await resolveInLayers(layers, path);
  await mirrorFolders(layers, dirname(resolved));
  const target = join(layers.upper, resolved);
  await rm(target, { force: true });
  await writeNew(target, content, mode).catch((error: unknown) => {
    throw failedWrite(target, error);
  });
}

/** The path that `path` names inside the machine, all links resolved, as an absolute path below its root. */
export async function resolveInLayers(
  layers: { upper: string; lower: string },
  path: string,
): Promise<string> {
  const todo = path.split("/").filter(Boolean);
  const done: string[] = [];
  for (let steps = 0; todo.length > 0; steps++) {
    if (steps > 400) throw new Error(`Cannot resolve ${path} in the machine's disk: too many symbolic links`);
    const part = todo.shift() ?? "";
    if (part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const link = await linkAt(layers, join("/", ...done, part));
    if (link === undefined) done.push(part);
    else {
      if (link.startsWith("/")) done.length = 0;
      todo.unshift(...link.split("/").filter(Boolean));
    }
  }
  return join("/", ...done);
}

async function linkAt(layers: { upper: string; lower: string }, path: string): Promise<string | undefined> {
  for (const layer of [layers.upper, layers.lower]) {
    const stats = await lstat(join(layer, path)).catch(() => undefined);
    if (stats) return stats.isSymbolicLink() ? await readlink(join(layer, path)) : undefined;
  }
  return undefined;
}

async function mirrorFolders(layers: { upper: string; lower: string }, path: string): Promise<void> {
  let current = "/";
  for (const part of path.split("/").filter(Boolean)) {
    current = join(current, part);
    const upper = join(layers.upper, current);
    if (await lstat(upper).catch(() => undefined)) continue;
    const lower = await lstat(join(layers.lower, current)).catch(() => undefined);
    await mkdir(upper, { mode: (lower?.mode ?? 0o755) & 0o7777 });
    if (lower) await chown(upper, lower.uid, lower.gid);
  }
}
