import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * The stack of a packed program with places of its source, by the map beside it. Read at a failure only: the runtime's own
 * way (`--enable-source-maps`) would read the map at every hook. Without a map the stack stays as it is.
 *
 * @param program URL of the file that runs
 */
export function inSource(stack: string, program: string): string {
  const map = mapOf(program);
  if (map === undefined) return stack;
  return stack.replaceAll(
    /(file:\/\/[^\s()]+):(\d+):(\d+)/g,
    (place, url: string, line: string, column: string) => {
      if (url !== program) return place;
      const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
      return "originalSource" in entry
        ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
        : place;
    },
  );
}

/** undefined where there is none, or none that can be read: a failure is on its way to the log, which must not fail for that. */
function mapOf(program: string): SourceMap | undefined {
  try {
    return new SourceMap(
      JSON.parse(readFileSync(`${fileURLToPath(program)}.map`, "utf8")) as SourceMapPayload,
    );
  } catch {
    return undefined;
  }
}
