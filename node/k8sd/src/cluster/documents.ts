/** Configuration documents that come as text: YAML or JSON, strictly read. */
import {
  controlPlaneJoinConfigSchema,
  InvalidInput,
  parse,
  workerJoinConfigSchema,
  type Schema,
} from "@cantrip/metadata/k8sd";
import { ApiError } from "../base/errors.ts";
import type { JoinConfig, Role } from "../base/identity.ts";

const MAX_DOCUMENT_LENGTH = 1_048_576;

/** The document's value; an empty one is an empty object. @throws ApiError 400 */
export async function parseDocument<T>(schema: Schema<T>, document: string, subject: string): Promise<T> {
  if (document.length > MAX_DOCUMENT_LENGTH)
    throw new ApiError(400, `${subject}: expected at most ${MAX_DOCUMENT_LENGTH} characters`);
  try {
    return parse(schema, (await parseText(document)) ?? {}, subject);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(
      400,
      error instanceof InvalidInput
        ? error.message
        : `${subject}: ${(error as Error).message.split("\n")[0]}`,
      { cause: error },
    );
  }
}

/** JSON needs no YAML parser loaded. Aliases are refused: they make small texts into huge values. */
async function parseText(document: string): Promise<unknown> {
  if (document.trim() === "") return {};
  try {
    return JSON.parse(document);
  } catch {
    const { load } = await import("js-yaml");
    if (/(^|[\s[{,:-])[&*][A-Za-z0-9_]/.test(withoutTexts(document)))
      throw new SyntaxError("anchors and aliases are not supported");
    return load(document);
  }
}

/** The document without quoted texts and block scalars' lines that cannot hold an alias. */
const withoutTexts = (document: string) =>
  document.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '""').replace(/^\s*[^:#\n]*-----[^\n]*$/gm, "");

/** What a joining node may be told is a matter of its role, which its token names. */
export const parseJoinConfig = (role: Role, document: string): Promise<JoinConfig> =>
  role === "worker"
    ? parseDocument(workerJoinConfigSchema, document, "invalid join configuration of a worker")
    : parseDocument(controlPlaneJoinConfigSchema, document, "invalid join configuration of a control plane");
