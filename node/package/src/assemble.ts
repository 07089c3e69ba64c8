/**
 * Lays a node package out in the cache: `packages/<manifest digest>/`. Files that the cache holds are linked, others copied;
 * a tree appears by one rename after its bytes are on the disk.
 */
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import {
  findProblem,
  syncPath,
  syncTree,
  withLock,
  writeFileAtomically,
  type BuiltComponent,
  type BuiltComponents,
  type CachedFile,
} from "@cantrip/components";
import type { Bundle } from "./bundle.ts";
import { layOut, type Layout, type Place } from "./layout.ts";
import { manifestBytes, manifestDigest, PackageError, type Manifest } from "./manifest.ts";
import type { Runtime } from "./runtime.ts";
import { verifyPackage } from "./verify.ts";

export interface PackageParts {
  readonly cacheDir: string;
  readonly components: BuiltComponents;
  readonly runtime: Runtime;
  /** What is left out makes the package incomplete: its manifest lists what is missing, and its `install` refuses. */
  readonly k8sdBundle?: Bundle;
  readonly k8sBundle?: Bundle;
  /** The folder of snap.k8s.*.service files. */
  readonly unitsDir?: string;
  /** The cached build of node/apiserver-proxy. */
  readonly proxy?: Pick<BuiltComponent, "name" | "directory" | "files">;
}

export interface AssembledPackage {
  readonly treeDir: string;
  readonly manifestDigest: string;
  readonly version: string;
  readonly manifest: Manifest;
  /** True if the tree was there already. */
  readonly cached: boolean;
}

export async function assemblePackage(parts: PackageParts): Promise<AssembledPackage> {
  const layout = await layOut(parts);
  const bytes = manifestBytes(layout.manifest);
  const digest = manifestDigest(bytes);
  const packages = path.join(parts.cacheDir, "packages");
  const treeDir = path.join(packages, digest);
  const answer = {
    treeDir,
    manifestDigest: digest,
    version: layout.manifest.version,
    manifest: layout.manifest,
  };
  if (await isVerified(packages, digest)) return { ...answer, cached: true };
  await withLock(
    { file: path.join(packages, ".locks", digest), purpose: `the node package ${digest}` },
    async () => {
      if (await isVerified(packages, digest)) return;
      await makeTree(packages, digest, layout, bytes);
    },
  );
  return { ...answer, cached: false };
}

const recordOf = (packages: string, digest: string): string =>
  path.join(packages, ".verified", `${digest}.json`);

/** Whether a tree's sizes and times are those that it had when its bytes were verified on this host. */
export async function isVerified(packages: string, digest: string): Promise<boolean> {
  const text = await readFile(recordOf(packages, digest), "utf8").catch(() => undefined);
  if (text === undefined) return false;
  const treeDir = path.join(packages, digest);
  const manifest = await readFile(path.join(treeDir, "manifest.json")).catch(() => Buffer.alloc(0));
  return (
    manifestDigest(manifest) === digest &&
    (await findProblem(treeDir, JSON.parse(text) as CachedFile[])) === undefined
  );
}

/** Runs under the lock of this package. */
async function makeTree(packages: string, digest: string, layout: Layout, manifest: Buffer): Promise<void> {
  const treeDir = path.join(packages, digest);
  await removeLeftovers(packages, digest);
  if (!(await isWhole(treeDir, digest))) {
    const temporary = await mkdtemp(path.join(packages, `.new-${digest}.`));
    try {
      const known = await fill(temporary, layout, manifest);
      await verifyPackage(temporary, { expected: digest, known });
      await putAside(packages, digest);
      await rename(temporary, treeDir);
      await syncPath(packages);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  await recordVerified(packages, digest, layout.manifest);
}

async function isWhole(treeDir: string, digest: string): Promise<boolean> {
  return await verifyPackage(treeDir, { expected: digest }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof PackageError) return false;
      throw error;
    },
  );
}

/** Returns the paths that are links to files whose bytes the cache has verified. */
async function fill(directory: string, { places }: Layout, manifest: Buffer): Promise<Set<string>> {
  const linked = new Set<string>();
  await chmod(directory, 0o755);
  for (const place of places) if (await put(path.join(directory, place.path), place)) linked.add(place.path);
  await writeFile(path.join(directory, "manifest.json"), manifest);
  await chmod(path.join(directory, "manifest.json"), 0o644);
  await syncTree(directory);
  return linked;
}

/** A tree with other bytes than its name says is kept for whoever wants to know why, and because running machines may hold its files. */
async function putAside(packages: string, digest: string): Promise<void> {
  const aside = path.join(packages, `.refused-${digest}`);
  if (!(await stat(path.join(packages, digest)).catch(() => undefined))) return;
  await rm(aside, { recursive: true, force: true });
  await rename(path.join(packages, digest), aside);
}

/** Returns true if the file was linked. */
async function put(target: string, { mode, content }: Place): Promise<boolean> {
  await mkdir(path.dirname(target), { recursive: true, mode: 0o755 });
  const linked = !Buffer.isBuffer(content) && (await tryLink(content.file, target));
  if (Buffer.isBuffer(content)) await writeFile(target, content);
  else if (!linked) await copyFile(content.file, target, constants.COPYFILE_FICLONE);
  await chmod(target, mode);
  return linked;
}

/** The cache may lie on another file system, or one without links. */
async function tryLink(source: string, target: string): Promise<boolean> {
  return await link(source, target).then(
    () => true,
    () => false,
  );
}

async function recordVerified(packages: string, digest: string, manifest: Manifest): Promise<void> {
  const files: CachedFile[] = [];
  for (const { path: name, size, mode, sha256 } of manifest.files) {
    const { mtimeNs } = await stat(path.join(packages, digest, name), { bigint: true });
    files.push({ path: name, size, mode: Number.parseInt(mode, 8), mtimeNs: String(mtimeNs), sha256 });
  }
  await mkdir(path.join(packages, ".verified"), { recursive: true });
  await writeFileAtomically(recordOf(packages, digest), JSON.stringify(files));
}

async function removeLeftovers(packages: string, digest: string): Promise<void> {
  for (const name of await readdir(packages)) {
    if (name.startsWith(`.new-${digest}.`))
      await rm(path.join(packages, name), { recursive: true, force: true });
  }
}
