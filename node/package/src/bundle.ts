/** Bundles a Node program into one file, so that it starts fast and needs no node_modules on a machine. */
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export interface Bundle {
  readonly code: Buffer;
  /** Name, version and licence text of every npm package in the bundle. */
  readonly licences: Buffer;
}

export const repositoryRoot = fileURLToPath(new URL("../../..", import.meta.url));

/** CommonJS packages call `require` for Node's own modules; an ES module has none of its own. */
const banner =
  'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);';

/** @throws Error with esbuild's messages. */
export async function bundleNode({ entry }: { readonly entry: string }): Promise<Bundle> {
  const result = await build({
    entryPoints: [entry],
    absWorkingDir: repositoryRoot, // paths in the output's comments are relative to it: the same bytes wherever the repository lies
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node26",
    banner: { js: banner },
    legalComments: "eof",
    metafile: true,
    write: false,
    outfile: "bundle.mjs",
    logLevel: "silent",
  });
  const code = result.outputFiles[0]?.contents;
  if (!code) throw new TypeError(`Cannot bundle ${entry}: esbuild wrote nothing`);
  return { code: Buffer.from(code), licences: await npmLicences(Object.keys(result.metafile.inputs)) };
}

async function npmLicences(inputs: readonly string[]): Promise<Buffer> {
  const folders = new Set(
    inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []),
  );
  const chapters: string[] = [];
  for (const folder of [...folders].sort())
    chapters.push(await licenceChapter(path.join(repositoryRoot, folder)));
  return Buffer.from(chapters.join(`\n${"-".repeat(80)}\n`));
}

async function licenceChapter(folder: string): Promise<string> {
  const about = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8")) as {
    name?: string;
    version?: string;
    license?: string;
  };
  const names = (await readdir(folder))
    .filter((name) => /^(licen[cs]e|copying|notice)([-.].*)?$/i.test(name))
    .sort();
  const texts = await Promise.all(
    names.map((name) => readFile(path.join(folder, name), "utf8").catch(() => "")),
  );
  return `${about.name} ${about.version} (${about.license})\n\n${texts.join("\n")}\n`;
}
