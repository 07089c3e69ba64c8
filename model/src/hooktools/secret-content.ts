/** Contents of secrets: text by key. Bytes that are no text are kept in base64, under `key#base64`. */
import { put } from "../records.ts";
import { parsePairs } from "./flags.ts";
import { fileMap } from "./maps.ts";
import { ToolFailure, misuse } from "./tool.ts";
import type { Call } from "./tool.ts";

const largestContent = 1024 * 1024;
const keyGrammar = /^[a-z](?:-?[a-z0-9]){2,}$/;

/** Of `k=v`, `k#base64=…`, `k#file=PATH` arguments and `--file`; undefined when none is given. */
export async function contentFrom(
  call: Call,
  args: readonly string[],
): Promise<Record<string, string> | undefined> {
  const file = call.text("file");
  if (args.length === 0 && file === undefined) return undefined;
  const given = { ...(await fileMap(call, file)), ...parsePairs(args) };
  const content: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) await addValue(call, content, name, value);
  const size = Object.entries(content).reduce(
    (sum, [key, value]) => sum + key.length + Buffer.byteLength(value),
    0,
  );
  if (size > largestContent)
    throw new ToolFailure(`secret content too large: ${size} bytes, the limit is ${largestContent}`);
  return content;
}

async function addValue(
  { effects }: Call,
  content: Record<string, string>,
  name: string,
  value: string,
): Promise<void> {
  const [, key = "", kind] = /^(.*?)(?:#(base64|file))?$/s.exec(name) ?? [];
  if (!keyGrammar.test(key)) throw misuse(`key ${JSON.stringify(key)} not valid`);
  if (kind === "base64") putEncoded(content, key, value);
  else put(content, key, kind === "file" ? await effects.readFile(value) : value);
}

function putEncoded(content: Record<string, string>, key: string, encoded: string): void {
  const text = decoded(encoded);
  if (text === undefined) put(content, `${key}#base64`, encoded);
  else put(content, key, text);
}

/** The text of base64, or undefined if its bytes are no text. */
function decoded(encoded: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, "base64"));
  } catch {
    return undefined;
  }
}

/** One value, `key` or `key#base64`. @throws ToolFailure */
export function valueOf(content: Readonly<Record<string, string>>, name: string): string {
  const [, key = "", isEncoded] = /^(.*?)(#base64)?$/s.exec(name) ?? [];
  const text = Object.hasOwn(content, key) ? content[key] : undefined;
  const bytes = Object.hasOwn(content, `${key}#base64`) ? content[`${key}#base64`] : undefined;
  if (text !== undefined) return isEncoded ? Buffer.from(text).toString("base64") : text;
  if (bytes !== undefined) return isEncoded ? bytes : Buffer.from(bytes, "base64").toString("latin1");
  throw new ToolFailure(`secret key value ${JSON.stringify(key)} not found`);
}
