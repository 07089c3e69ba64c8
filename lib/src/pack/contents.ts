import { createHash } from "node:crypto";
import { readFile, readdir, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { bundleCharm } from "./bundle.ts";
import { dispatchScript } from "./dispatch-script.ts";
import { definitionOf, yamlFiles } from "./documents.ts";
import { warningsOf } from "./lint.ts";
import { checkRuntime, hostArchitecture, platformFor } from "./platform.ts";
import { readSource } from "./source.ts";

export type Runtime = "bundled" | "host";

export interface ContentOptions {
  /** `bundled` (for Juju): the runtime is in the archive. `host`: the machine has one at /opt/cantrip/runtime. */
  readonly runtime?: Runtime;
  readonly architecture?: string;
  readonly nodeBinary?: string;
}

export interface ArchiveFile {
  readonly mode: number;
  /** Bytes, or the path of a large file. */
  readonly body: Buffer | { readonly path: string };
}

/** What an archive will hold. Two of the same key are the same archive. */
export interface CharmContents {
  readonly name: string;
  readonly platform: string;
  readonly files: ReadonlyMap<string, ArchiveFile>;
  readonly warnings: readonly string[];
  readonly key: string;
}

/** @throws PackError */
export async function charmContents(dir: string, options: ContentOptions = {}): Promise<CharmContents> {
  const { runtime = "bundled", architecture = hostArchitecture(), nodeBinary = process.execPath } = options;
  const source = await readSource(dir);
  const definition = definitionOf(source);
  const { label, bases } = platformFor(source, architecture);
  const files = new Map<string, ArchiveFile>();
  const text = (name: string, body: string, mode = 0o644): void =>
    void files.set(name, { mode, body: Buffer.from(body) });
  for (const [name, body] of yamlFiles(source, bases)) text(name, body);
  text("dispatch", dispatchScript, 0o755);
  const { program, map } = await bundleCharm(dir, definition, "charm.mjs");
  text("charm.mjs", program, 0o755);
  text("charm.mjs.map", map);
  for (const [name, body] of await carriedFiles(dir)) files.set(name, body);
  const key = await keyOf(files, runtime === "bundled" ? nodeBinary : undefined);
  text("version", `${key.slice(0, 12)}\n`);
  if (runtime === "bundled") {
    await checkRuntime(nodeBinary, architecture);
    files.set("runtime/node", { mode: 0o755, body: { path: nodeBinary } });
  }
  return { name: source.project.name, platform: label, files, warnings: warningsOf(definition), key };
}

/** Files that go along as they are: the usual ones from the top, and all below `files/`, without that name. */
async function carriedFiles(dir: string): Promise<[string, ArchiveFile][]> {
  const top = ["README.md", "icon.svg", "copyright", "CONTRIBUTING.md", "lxd-profile.yaml"].map(
    (name) => [name, join(dir, name)] as const,
  );
  const license = await findUpwards(dir, "LICENSE");
  const below = await filesBelow(join(dir, "files"));
  const wanted = [...top, ...(license ? [["LICENSE", license] as const] : []), ...below];
  const found = await Promise.all(wanted.map(async ([name, path]) => [name, await carried(path)] as const));
  return found.flatMap(([name, file]) => (file ? [[name, file] as [string, ArchiveFile]] : []));
}

async function carried(path: string): Promise<ArchiveFile | undefined> {
  const facts = await stat(path).catch(() => undefined);
  if (!facts?.isFile()) return undefined;
  return { mode: facts.mode & 0o111 ? 0o755 : 0o644, body: await readFile(path) };
}

async function filesBelow(folder: string): Promise<(readonly [string, string])[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [relative(folder, path), path] as const);
}

async function findUpwards(dir: string, name: string): Promise<string | undefined> {
  const path = join(dir, name);
  if (await stat(path).catch(() => undefined)) return path;
  return dirname(dir) === dir ? undefined : findUpwards(dirname(dir), name);
}

/** The runtime counts by its size and time: reading 150 MB to learn that nothing changed would cost more than it tells. */
async function keyOf(
  files: ReadonlyMap<string, ArchiveFile>,
  runtimePath: string | undefined,
): Promise<string> {
  const hash = createHash("sha256");
  for (const [name, { mode, body }] of sorted(files)) {
    if (Buffer.isBuffer(body)) hash.update(`${name}\0${mode}\0${body.length}\0`).update(body);
  }
  if (runtimePath !== undefined) {
    const { size, mtimeMs } = await stat(runtimePath);
    hash.update(`runtime\0${size}\0${mtimeMs}`);
  }
  return hash.digest("hex");
}

export function sorted<Value>(entries: ReadonlyMap<string, Value>): [string, Value][] {
  return [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
