/**
 * Packs the source of a charm (charmcraft.yaml and src/main.ts) into the archive that Juju and our controller deploy. Start at
 * `packCharm`. Never runs charm code, and never writes but the one archive.
 */
import { mkdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { writeArchive } from "./archive.ts";
import { type CharmContents, type ContentOptions, charmContents } from "./contents.ts";

export interface PackOptions extends ContentOptions {
  /** The charm's directory. */
  readonly dir: string;
  /** The archive, or a directory to put it in under its usual name. Default: the current directory. */
  readonly out?: string;
  /** Told what is allowed but will be regretted. */
  readonly onWarning?: (warning: string) => void;
}

/**
 * @returns the path of the archive
 * @throws PackError
 */
export async function packCharm({ dir, out = ".", onWarning, ...options }: PackOptions): Promise<string> {
  const contents = await charmContents(resolve(dir), options);
  for (const warning of contents.warnings) onWarning?.(warning);
  const path = await archivePath(contents, out);
  await mkdir(dirname(path), { recursive: true });
  await writeArchive(contents, path);
  return path;
}

/** `<name>_<platform>.charm`, as charmcraft calls it. */
export const archiveName = ({ name, platform }: Pick<CharmContents, "name" | "platform">): string =>
  `${name}_${platform}.charm`;

async function archivePath(contents: CharmContents, out: string): Promise<string> {
  const isFolder = out.endsWith("/") || (await stat(out).catch(() => undefined))?.isDirectory();
  return resolve(isFolder ? join(out, archiveName(contents)) : out);
}

/**
 * Tells archives apart by their contents, without writing one: same key, same archive.
 * @throws PackError
 */
export async function charmKey(dir: string, options: ContentOptions = {}): Promise<string> {
  return (await charmContents(resolve(dir), options)).key;
}

export { PackError } from "./errors.ts";
export type { Runtime } from "./contents.ts";
