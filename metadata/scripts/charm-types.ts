/**
 * Writes `src/generated/charm-types.ts` of the charm in DIR from its charmcraft.yaml. With `--check` nothing is written;
 * the exit code says whether the committed file is up to date. Several DIRs may be given.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { charmTypesOf } from "../src/charm/types.ts";
import { parseCharmProject } from "../src/charm/project.ts";
import { MetadataError } from "../src/errors.ts";
import { textOfYaml } from "../src/yaml.ts";

const usage = "usage: node metadata/scripts/charm-types.ts DIR… [--check]";

async function rendered(dir: string): Promise<string> {
  const bytes = await readFile(join(dir, "charmcraft.yaml"));
  return charmTypesOf(parseCharmProject(textOfYaml("charmcraft.yaml", bytes)));
}

/** Whether the file of this charm is as it should be, after writing it unless only asked to check. */
async function bringUpToDate(dir: string, isCheck: boolean): Promise<boolean> {
  const target = join(dir, "src", "generated", "charm-types.ts");
  const text = await rendered(dir);
  if ((await readFile(target, "utf8").catch(() => undefined)) === text) return true;
  if (isCheck) {
    console.error(`Out of date: ${target}; run node metadata/scripts/charm-types.ts ${dir}`);
    return false;
  }
  await mkdir(dirname(target), { recursive: true });
  await writeFile(`${target}.new`, text);
  await rename(`${target}.new`, target);
  return true;
}

function explained(dir: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof MetadataError) return `${dir}: ${error.message}`;
  if (code === "ENOENT") return `${dir}: no charmcraft.yaml there; expected the directory of a charm`;
  throw error;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: "boolean", default: false } },
});
if (positionals.length === 0) {
  console.error(usage);
  process.exitCode = 2;
}
for (const dir of positionals) {
  try {
    if (!(await bringUpToDate(dir, values.check))) process.exitCode = 1;
  } catch (error) {
    console.error(explained(dir, error));
    process.exitCode = 1;
  }
}
