/** The cache key of a build: everything that decides its bytes, and nothing else. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { listFiles, sha256 } from "./files.ts";

export interface KeyParts {
  readonly name: string;
  readonly sources: Readonly<Record<string, string>>;
  readonly toolchain: string;
  readonly flags: unknown;
  readonly architecture: string;
}

/** Changed when the form of cache entries changes. */
const form = 2;

export const buildKey = ({ name, sources, toolchain, flags, architecture }: KeyParts): string =>
  sha256(
    JSON.stringify([
      form,
      name,
      Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1)),
      toolchain,
      flags,
      architecture,
    ]),
  );

/** Digests of the files that are built or that pin what is built; tests are left out. */
export async function sourceDigests(moduleDir: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const file of await listFiles(moduleDir)) {
    if (!/\.(go|c|h|s|mod|sum)$/.test(file) || file.endsWith("_test.go")) continue;
    digests[file] = sha256(await readFile(path.join(moduleDir, file)));
  }
  return digests;
}

export class PinError extends Error {
  override readonly name = "PinError";
}

/**
 * Compares the versions that versions.ts names with those that go.mod pins.
 * @throws PinError
 */
export function checkPins(goMod: string, pins: Readonly<Record<string, string>>, where: string): void {
  for (const [module, version] of Object.entries(pins)) {
    const pinned = new RegExp(
      `^\\s*(?:require\\s+)?${module.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\s+(\\S+)`,
      "m",
    ).exec(goMod)?.[1];
    if (pinned !== `v${version}`)
      throw new PinError(
        `${where} pins ${module} at ${pinned ?? "no version"}, versions.ts says v${version}: change both`,
      );
  }
}
