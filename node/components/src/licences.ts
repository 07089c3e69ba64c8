/** The licences of what is linked into a binary: Apache-2.0 and its kin ask that their text goes where the binary goes. */
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
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

/** Writes one text file: the linked modules with their versions, then each licence text once with the modules that it covers. */
export async function moduleLicences(build: Omit<GoBuild, "output">, output: string): Promise<void> {
  const modules = await linkedModules(build);
  const texts = new Map<string, string[]>();
  for (const { module, directory } of modules) {
    for (const text of await licenceTexts(directory)) texts.set(text, [...(texts.get(text) ?? []), module]);
  }
  const list = modules.map(({ module, version }) => `${module} ${version}\n`).join("");
  const chapters = [...texts].map(
    ([text, covered]) => `\n${"-".repeat(80)}\n${covered.join("\n")}\n\n${text.trim()}\n`,
  );
  await writeFile(output, list + chapters.join(""));
}

/** Adds the licences of the Debian packages whose libraries a static binary holds, as those packages state them. */
export async function packageLicences(packages: readonly string[], output: string): Promise<void> {
  for (const name of packages) {
    const file = path.join("/usr/share/doc", name, "copyright");
    const text = await readFile(file, "utf8").catch(() => `See ${file} of the Debian package ${name}.`);
    await appendFile(output, `\n${"-".repeat(80)}\n${name} (linked statically)\n\n${text.trim()}\n`);
  }
}

async function linkedModules(build: Omit<GoBuild, "output">): Promise<LinkedModule[]> {
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
    argv,
    cwd: moduleDir,
    env: goEnvironment(environment),
  });
  return [...new Set(lines.split("\n").filter(Boolean))].sort().map((line) => {
    const [module = "", version = "", directory = ""] = line.split("\t");
    return { module, version, directory };
  });
}

async function licenceTexts(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter(
    (entry) => entry.isFile() && licenceFile.test(entry.name) && !entry.name.endsWith(".go"),
  );
  return await Promise.all(
    names
      .map(({ name }) => name)
      .sort()
      .map((name) => readFile(path.join(directory, name), "utf8")),
  );
}
