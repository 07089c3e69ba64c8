import type { ActionResults } from "./events.ts";

/** A key that Juju does not take in the results of an action. */
export class ResultKeyError extends Error {
  override readonly name = "ResultKeyError";
  readonly key: string;

  /** @internal */
  constructor(key: string, reason: string) {
    super(`Cannot use "${key}" as a key of an action's results: ${reason}`);
    this.key = key;
  }
}

const grammar = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const reserved = new Set(["stdout", "stdout-encoding", "stderr", "stderr-encoding"]);
const deepest = 32;

/**
 * Nested results as dotted keys: `{db: {size: 3}}` → `{"db.size": "3"}`. Later equal keys are refused, not overwritten.
 * @throws ResultKeyError
 */
export function flattenResults(results: Partial<ActionResults>): Record<string, string> {
  const flat: Record<string, string> = {};
  flattenInto(flat, "", results, 0);
  return flat;
}

function flattenInto(
  flat: Record<string, string>,
  prefix: string,
  results: Partial<ActionResults>,
  depth: number,
): void {
  if (depth > deepest) throw new ResultKeyError(prefix, "nested too deep");
  for (const [key, value] of Object.entries(results)) {
    if (value === undefined) continue;
    const path = prefix === "" ? key : `${prefix}.${key}`;
    checkKey(path);
    if (typeof value === "object" && value !== null) flattenInto(flat, path, value, depth + 1);
    else if (Object.hasOwn(flat, path)) throw new ResultKeyError(path, "it is there twice");
    else flat[path] = String(value);
  }
}

function checkKey(path: string): void {
  const wrong = path.split(".").find((part) => !grammar.test(part));
  if (wrong !== undefined)
    throw new ResultKeyError(
      path,
      "each part is lower-case letters, digits and hyphens, no hyphen first or last",
    );
  if (reserved.has(path)) throw new ResultKeyError(path, "Juju keeps it for the output of the action");
}
