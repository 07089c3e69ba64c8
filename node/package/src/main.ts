/**
 * `node node/package/src/main.ts build [--cache DIR] [--partial] [--verify]` prints progress on standard error and the tree's path on standard output;
 * `pack TREE [OUT]`, `reference TREE OUT` and `verify TREE` work on a tree. Without OUT the file has the package's own name, in this folder.
 */
import { parseArgs } from "node:util";
import {
  buildPackage,
  packageFileName,
  packReference,
  packTar,
  readManifest,
  verifyPackage,
} from "./index.ts";
import { progressPrinter } from "./progress.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { cache: { type: "string" }, partial: { type: "boolean" }, verify: { type: "boolean" } },
});
const [command, tree, out] = positionals;
const cacheDir = values.cache ?? process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";

async function main(): Promise<void> {
  if (command === "build" && tree === undefined) return await build();
  if (command === "verify" && tree !== undefined)
    return void process.stdout.write(`${(await verifyPackage(tree)).digest}\n`);
  if (command === "pack" && tree !== undefined) return await pack(tree);
  if (command === "reference" && tree !== undefined && out !== undefined)
    return await packReference(tree, out);
  throw new Error(
    "Usage: main.ts build [--cache DIR] [--partial] [--verify] | verify TREE | pack TREE [OUT] | reference TREE OUT",
  );
}

async function pack(tree: string): Promise<void> {
  const file = out ?? packageFileName((await readManifest(tree)).manifest);
  await packTar(tree, file);
  process.stdout.write(`${file}\n`);
}

async function build(): Promise<void> {
  const printer = progressPrinter(process.stderr);
  const made = await buildPackage({
    cacheDir,
    partial: values.partial ?? false,
    verify: values.verify ?? false,
    onProgress: printer.report,
  }).finally(printer.end);
  if (made.manifest.missing.length > 0)
    process.stderr.write(`The package is incomplete, it lacks ${made.manifest.missing.join(", ")}\n`);
  process.stdout.write(`${made.treeDir}\n`);
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
