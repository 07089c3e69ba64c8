import { MetadataError, readYaml } from "@cantrip/metadata";
import { amend, put } from "../records.ts";
import { ToolFailure } from "./tool.ts";
import type { Call } from "./tool.ts";

/** `--file F`, or `-` for stdin: a map of strings, as JSON or YAML. */
export async function fileMap(
  { stdin, effects }: Call,
  file: string | undefined,
): Promise<Record<string, string>> {
  if (file === undefined) return {};
  const text = file === "-" ? (stdin ?? "") : await effects.readFile(file);
  const value = parsed(file, text);
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value))
    throw new ToolFailure(`cannot read ${JSON.stringify(file)}: expected a map of strings`);
  const result: Record<string, string> = {};
  for (const [key, each] of Object.entries(value ?? {})) {
    if (typeof each !== "string")
      throw new ToolFailure(
        `cannot read ${JSON.stringify(file)}: value of ${JSON.stringify(key)} is not a string`,
      );
    put(result, key, each);
  }
  return result;
}

/** JSON first: frameworks send it, and it is quicker. */
function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return parsedYaml(file, text);
  }
}

function parsedYaml(file: string, text: string): unknown {
  try {
    return readYaml(file, text);
  } catch (error) {
    if (error instanceof MetadataError)
      throw new ToolFailure(`cannot read ${JSON.stringify(file)}: ${error.reason}`);
    throw error;
  }
}

/** What is there with pending writes on it; the empty string deletes. */
export function overlaid(
  present: Readonly<Record<string, string>>,
  writes: Readonly<Record<string, string>>,
): Record<string, string> {
  const result = { ...present };
  amend(
    result,
    writes,
    Object.keys(writes).filter((key) => writes[key] === ""),
  );
  return result;
}
