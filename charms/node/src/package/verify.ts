/** Holds an unpacked tree against its manifest: every file there, nothing altered, nothing more. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, lstat, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { UnusablePackage, type PackageManifest } from "./manifest.ts";

/** @throws UnusablePackage that names the first file that is not as it should be */
export async function verifyTree(root: string, manifest: PackageManifest): Promise<void> {
  const known = new Set(["manifest.json", ...manifest.files.map(({ path }) => path)]);
  for await (const path of filesBelow(root))
    if (!known.has(relative(root, path))) throw damaged(relative(root, path), "is not in its manifest");
  for (const { path, mode, size, sha256 } of manifest.files) {
    const at = join(root, path);
    const found = await lstat(at).catch(() => undefined);
    if (!found?.isFile()) throw damaged(path, "is missing");
    if (found.size !== size) throw damaged(path, `has ${found.size} bytes instead of ${size}`);
    if ((await digestOf(at)) !== sha256)
      throw damaged(path, "has another SHA-256 sum than its manifest says");
    if ((found.mode & 0o777) !== mode) await chmod(at, mode & 0o777);
  }
}

async function* filesBelow(directory: string): AsyncGenerator<string> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

const damaged = (path: string, problem: string) =>
  new UnusablePackage(`node-package is damaged: "${path}" ${problem}; attach it again`);
