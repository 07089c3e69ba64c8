import { stat } from "node:fs/promises";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { type BuildFailure, type Plugin, build } from "esbuild";
import type { CharmDefinition } from "../framework/definition.ts";
import { PackError } from "./errors.ts";

/** Packages in the older module format expect `require`. */
const banner = 'const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);';

export interface Bundle {
  readonly program: string;
  /** Names sources by their paths from the charm's directory, and holds no copy of them. */
  readonly map: string;
}

/**
 * The charm's program and all it imports as one file, its definition compiled in, so that a hook reads no YAML; and its
 * source map, for a program of this name.
 * @throws PackError
 */
export async function bundleCharm(dir: string, definition: CharmDefinition, name: string): Promise<Bundle> {
  const entry = join(dir, "src", "main.ts");
  await stat(entry).catch((cause: unknown) => {
    throw new PackError(entry, 'missing: the program starts there, with "await main(MyCharm)"', { cause });
  });
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    outfile: join(dir, name),
    sourcemap: "linked",
    sourcesContent: false,
    platform: "node",
    format: "esm",
    target: "node26",
    mainFields: ["module", "main"],
    banner: { js: banner },
    legalComments: "eof",
    logLevel: "silent",
    plugins: [compiledIn(definition), builtins],
  }).catch((error: unknown) => {
    throw new PackError(entry, reasonOf(error as BuildFailure), { cause: error });
  });
  const text = (ending: string): string =>
    result.outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? "";
  return { program: text(name), map: text(`${name}.map`) };
}

/**
 * Modules of the runtime are asked for, not imported: an import reads every export once, of node:fs also those that load
 * streams and promises, which takes a seventh of a small hook's time.
 */
const builtins: Plugin = {
  name: "builtins",
  setup(bundler) {
    const known = new Set(builtinModules);
    bundler.onResolve({ filter: /^(node:)?[a-z_/]+$/ }, ({ path, kind }) => {
      const name = path.replace(/^node:/, "");
      if (kind === "dynamic-import" || !(path.startsWith("node:") || known.has(name))) return undefined;
      return { path: `node:${name}`, namespace: "builtin" };
    });
    bundler.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: "js",
    }));
  },
};

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
