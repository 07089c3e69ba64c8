/**
 * Everything that is made once and kept in the cache: the node package, the agent's folder, the runtime's folder, the packed
 * charms. With a warm cache this takes well under a second and touches no network.
 */
import { copyFile, link, mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { goToolchain, hostArchitecture } from "@cantrip/components";
import { buildAgentDirectory } from "@cantrip/controller";
import { charmKey, packCharm } from "@cantrip/lib/pack";
import { buildPackage, findRuntime, packReference } from "@cantrip/node-package";

export const repository = resolve(import.meta.dirname, "../..");

export interface Artifacts {
  /** `1.36.3+cantrip.1` */
  readonly packageVersion: string;
  /** the verified tree on this host; holds kubectl */
  readonly packageTree: string;
  /** a `node-package` resource that names the tree by its digest */
  readonly packageReference: string;
  readonly charms: Readonly<Record<"k8s" | "k8s-worker", string>>;
}

/** What every machine sees of the host; known before it is filled, so that the controller can start beside the builds. */
export interface BoundFolders {
  /** agent.mjs and hooktool */
  readonly agentDir: string;
  /** bin/node */
  readonly runtimeDir: string;
  /** verified node packages, by digest */
  readonly packagesDir: string;
}

export async function boundFolders(cacheDir: string): Promise<BoundFolders> {
  const { version } = await findRuntime(hostArchitecture());
  return {
    agentDir: join(cacheDir, "agent"),
    runtimeDir: join(cacheDir, "runtime", version),
    packagesDir: join(cacheDir, "packages"),
  };
}

type Note = (text: string) => void;

export async function makeArtifacts(cacheDir: string, note: Note): Promise<Artifacts> {
  const folders = await boundFolders(cacheDir);
  const [node, k8s, worker] = await Promise.all([
    buildPackage({ cacheDir, onProgress: ({ component, phase }) => note(`${component}: ${phase}`) }),
    placeCharm(cacheDir, "k8s"),
    placeCharm(cacheDir, "k8s-worker"),
    placeAgent(cacheDir, folders),
  ]);
  await placeRuntime(folders, node.treeDir);
  const packageReference = join(cacheDir, "packages", `${node.manifestDigest}.reference`, "node-package.tar");
  if (!(await exists(packageReference)))
    await atomically(packageReference, (file) => packReference(node.treeDir, file));
  return {
    packageVersion: node.version,
    packageTree: node.treeDir,
    packageReference,
    charms: { k8s, "k8s-worker": worker },
  };
}

/** The node package's runtime, as a folder of its own. The same inode: agents and k8sd share its pages in memory. */
async function placeRuntime({ runtimeDir }: BoundFolders, treeDir: string): Promise<void> {
  const [source, target] = [join(treeDir, "runtime/bin/node"), join(runtimeDir, "bin/node")];
  const [from, to] = [await stat(source), await stat(target).catch(() => undefined)];
  if (to && (to.ino === from.ino || (to.dev !== from.dev && to.size === from.size))) return;
  await atomically(target, (file) => link(source, file).catch(() => copyFile(source, file)));
}

/** The unit agent as one file, beside the hook tool. */
async function placeAgent(cacheDir: string, { agentDir }: BoundFolders): Promise<void> {
  const { go } = await goToolchain({ cacheDir });
  await buildAgentDirectory({ directory: agentDir, cache: join(cacheDir, "hooktool"), go });
}

async function placeCharm(cacheDir: string, name: "k8s" | "k8s-worker"): Promise<string> {
  const dir = join(repository, "charms", name);
  const out = join(cacheDir, "charms", await charmKey(dir, { runtime: "host" }), `${name}.charm`);
  if (await exists(out)) return out;
  return await atomically(out, async (file) => {
    await packCharm({ dir, out: file, runtime: "host" });
  });
}

const exists = async (file: string): Promise<boolean> =>
  (await stat(file).catch(() => undefined)) !== undefined;

/** Writes beside the place and renames: a killed run leaves no half file under the real name. */
async function atomically(file: string, write: (temporary: string) => Promise<void>): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await write(temporary);
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
  return file;
}
