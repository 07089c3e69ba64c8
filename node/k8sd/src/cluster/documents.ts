/** Configuration documents that come as text: YAML or JSON, strictly read. */
import {
  controlPlaneJoinConfigSchema,
  parse,
  workerJoinConfigSchema,
  type Schema,
} from "@cantrip/metadata/k8sd";
import { ApiError, messageOf } from "../base/errors.ts";
import type { JoinConfig, Role } from "../base/identity.ts";

const MAX_DOCUMENT_LENGTH = 1_048_576;

/** The document's value; an empty one is an empty object. @throws ApiError 400 */
export async function parseDocument<T>(schema: Schema<T>, document: string, subject: string): Promise<T> {
  if (document.length > MAX_DOCUMENT_LENGTH)
    throw new ApiError(400, `${subject}: expected at most ${MAX_DOCUMENT_LENGTH} characters`);
  try {
    return parse(schema, (await parseText(document, subject)) ?? {}, subject);
  } catch (error) {
    throw new ApiError(400, messageOf(error), { cause: error });
  }
}

/** JSON needs no YAML parser loaded. */
async function parseText(document: string, subject: string): Promise<unknown> {
  if (document.trim() === "") return {};
  try {
    return JSON.parse(document);
  } catch {
    const { readYaml } = await import("@cantrip/metadata/yaml");
    return readYaml(subject, document);
  }
}

/** What a joining node may be told is a matter of its role, which its token names. */
export const parseJoinConfig = (role: Role, document: string): Promise<JoinConfig> =>
  role === "worker"
    ? parseDocument(workerJoinConfigSchema, document, "invalid join configuration of a worker")
    : parseDocument(controlPlaneJoinConfigSchema, document, "invalid join configuration of a control plane");
