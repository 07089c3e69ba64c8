/** Is a tree what its manifest says? In full by hashing every byte; warm by the sizes and times that were recorded when it was hashed. */
import { lstat, readFile } from "node:fs/promises";
import path from "node:path";
import { listFiles, sha256OfFile } from "@cantrip/components";
import { manifestDigest, PackageError, parseManifest, type Manifest, type PackageFile } from "./manifest.ts";

export interface VerifiedPackage {
  readonly directory: string;
  readonly digest: string;
  readonly manifest: Manifest;
}

export interface VerifyOptions {
  /** The manifest digest that the caller expects. */
  readonly expected?: string;
  /** Paths whose bytes the caller has verified: only size and mode are looked at. */
  readonly known?: ReadonlySet<string>;
}

/**
 * Reads the whole tree.
 * @throws PackageError with every problem: a missing, further or changed file, a link, another mode, a path that leads outside.
 */
export async function verifyPackage(
  directory: string,
  { expected, known = new Set() }: VerifyOptions = {},
): Promise<VerifiedPackage> {
  const { manifest, digest } = await readManifest(directory);
  if (expected !== undefined && digest !== expected)
    throw new PackageError(directory, [`its manifest has SHA-256 ${digest}, expected ${expected}`]);
  const listed = new Set(["manifest.json", ...manifest.files.map((file) => file.path)]);
  const further = (await listFiles(directory)).filter((file) => !listed.has(file));
  const problems: string[] = further.map((file) => `${file} is not in the manifest`);
  for (const file of manifest.files)
    problems.push(...(await fileProblems(directory, file, known.has(file.path))));
  if (problems.length > 0) throw new PackageError(directory, problems);
  return { directory, digest, manifest };
}

/** @throws PackageError */
export async function readManifest(
  directory: string,
): Promise<{ manifest: Manifest; digest: string; bytes: Buffer }> {
  const bytes = await readFile(path.join(directory, "manifest.json")).catch(
    (error: NodeJS.ErrnoException) => {
      throw new PackageError(directory, [`manifest.json cannot be read: ${error.code}`]);
    },
  );
  return { manifest: parseManifest(bytes, directory), digest: manifestDigest(bytes), bytes };
}

async function fileProblems(directory: string, file: PackageFile, known: boolean): Promise<string[]> {
  const place = path.join(directory, file.path);
  const found = await lstat(place).catch(() => undefined);
  if (!found) return [`${file.path} is missing`];
  if (!found.isFile()) return [`${file.path} is no regular file`];
  if (found.size !== file.size) return [`${file.path} has ${found.size} bytes, expected ${file.size}`];
  const mode = `0${(found.mode & 0o777).toString(8).padStart(3, "0")}`;
  if (mode !== file.mode) return [`${file.path} has mode ${mode}, expected ${file.mode}`];
  if (known) return [];
  const digest = await sha256OfFile(place);
  return digest === file.sha256 ? [] : [`${file.path} has SHA-256 ${digest}, expected ${file.sha256}`];
}
