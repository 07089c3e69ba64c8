/**
 * k8sd's REST API and configuration documents: types, JSON Schemas and strict validation. Start at ENDPOINTS in api.ts.
 * Never opens a connection, never reads a file.
 */
export { nearMiss } from "../near-miss.ts";
export * from "./api.ts";
export * from "./config.ts";
export * from "./envelope.ts";
export {
  anything,
  integer,
  InvalidInput,
  list,
  map,
  object,
  parse,
  problemsOf,
  text,
  type Infer,
  type JsonSchema,
  type Problem,
  type Schema,
} from "./schema.ts";
