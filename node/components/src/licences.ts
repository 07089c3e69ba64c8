/** The licences of what is linked into a binary: Apache-2.0 and its kin ask that their text goes where the binary goes. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { sha256 } from "./files.ts";
import { goFlags, type GoBuild } from "./gobuild.ts";
import { run } from "./process.ts";
import { goEnvironment } from "./toolchain.ts";

const licenceFile = /^(licen[cs]e|copying|notice|patents)([-.].*)?$/i;

interface LinkedModule {
  readonly module: string;
  readonly version: string;
  readonly directory: string;
}

const format =
  "{{with .Module}}{{if not .Main}}{{.Path}}\t{{with .Replace}}{{.Version}}{{else}}{{.Version}}{{end}}\t{{.Dir}}{{end}}{{end}}";

/**
 * Writes `modules.json` (each linked module with its version and the digests of its licence texts) and the texts, each once, by digest.
 */
export async function moduleLicences(build: GoBuild): Promise<void> {
  await mkdir(build.output, { recursive: true });
  const listed: { module: string; version: string; texts: string[] }[] = [];
  for (const { module, version, directory } of await linkedModules(build)) {
    listed.push({ module, version, texts: await copyTexts(directory, build.output) });
  }
  await writeFile(path.join(build.output, "modules.json"), `${JSON.stringify(listed, null, 1)}\n`);
}

async function linkedModules(build: GoBuild): Promise<LinkedModule[]> {
  const { toolchain, moduleDir, packages, tags = [] } = build;
  const { environment } = goFlags(build);
  const argv = [
    toolchain.go,
    "list",
    "-deps",
    ...(tags.length > 0 ? ["-tags", tags.join(" ")] : []),
    "-f",
    format,
    ...Object.values(packages),
  ];
  const lines = await run({
    argv: argv as [string, ...string[]],
    cwd: moduleDir,
    env: goEnvironment(environment),
  });
  return [...new Set(lines.split("\n").filter(Boolean))].sort().map((line) => {
    const [module = "", version = "", directory = ""] = line.split("\t");
    return { module, version, directory };
  });
}

async function copyTexts(directory: string, output: string): Promise<string[]> {
  const texts: string[] = [];
  for (const name of (await readdir(directory)).sort()) {
    if (!licenceFile.test(name) || name.endsWith(".go")) continue;
    const text = await readFile(path.join(directory, name)).catch(() => undefined);
    if (!text) continue;
    const digest = sha256(text).slice(0, 16);
    await writeFile(path.join(output, `${digest}.txt`), text);
    texts.push(digest);
  }
  return texts;
}
