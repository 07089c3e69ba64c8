import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type BuildFailure, type Plugin, build } from "esbuild";
import type { CharmDefinition } from "../framework/definition.ts";
import { PackError } from "./errors.ts";

/** Packages in the older module format expect `require`. */
const banner =
  'import { createRequire as __createRequire } from "node:module";\nconst require = __createRequire(import.meta.url);';

/**
 * The charm's program and all it imports as one file, its definition compiled in, so that a hook reads no YAML.
 * @throws PackError
 */
export async function bundleCharm(dir: string, definition: CharmDefinition): Promise<string> {
  const entry = join(dir, "src", "main.ts");
  await stat(entry).catch((cause: unknown) => {
    throw new PackError(entry, 'missing: the program starts there, with "await main(MyCharm)"', { cause });
  });
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node26",
    mainFields: ["module", "main"],
    banner: { js: banner },
    legalComments: "eof",
    logLevel: "silent",
    plugins: [compiledIn(definition)],
  }).catch((error: unknown) => {
    throw new PackError(entry, reasonOf(error as BuildFailure), { cause: error });
  });
  return result.outputFiles[0]?.text ?? "";
}

/** Puts the definition where the framework looks for it, and leaves out what would read it from disk. */
function compiledIn(definition: CharmDefinition): Plugin {
  const contents = `export const packed = ${JSON.stringify(definition)};`;
  return {
    name: "charm-definition",
    setup(bundler) {
      bundler.onLoad({ filter: /[/\\]framework[/\\]packed\.ts$/ }, () => ({ contents, loader: "js" }));
      bundler.onLoad({ filter: /[/\\]framework[/\\]definition-from-disk\.ts$/ }, () => ({
        contents: "export {};",
        loader: "js",
      }));
    },
  };
}

function reasonOf({ errors, message }: Partial<BuildFailure>): string {
  const [first] = errors ?? [];
  if (first === undefined) return message ?? "the bundler failed";
  const where = first.location ? ` (${first.location.file}:${first.location.line})` : "";
  return `${first.text}${where}`;
}
