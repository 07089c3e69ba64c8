/** Juju's message envelope: lenient in what it takes, exact in what it gives (juju-api.md, R1 to R7). */
import { ModelError } from "@cantrip/model";
import { ApiError, lenient, type Params } from "../facade.ts";

export interface RequestEnvelope {
  readonly requestId: number;
  readonly type: string;
  readonly version: number;
  readonly request: string;
  readonly id: string;
  readonly params: Params;
}

/** @throws ApiError "bad request" for what is no request; its info carries the request id, if one was found */
export function parseRequest(text: string): RequestEnvelope {
  const message = lenient(parseJson(text));
  const requestId = message["request-id"];
  if (typeof requestId !== "number" || !Number.isSafeInteger(requestId) || requestId < 0) {
    throw new ApiError("bad request", "expected a JSON object with a numeric request-id");
  }
  const { type, request, version = 0, id = "", params } = message;
  const wellFormed = typeof type === "string" && typeof request === "string" && typeof version === "number";
  if (!wellFormed || (typeof id !== "string" && typeof id !== "number")) {
    throw new ApiError("bad request", "expected type and request to be strings and version to be a number", {
      requestId,
    });
  }
  return { requestId, type, request, version, id: String(id), params: lenient(params) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError("bad request", "expected one JSON document per message");
  }
}

/** A success never has the key `error`, nowhere with the value null, and `response` is always an object. */
export function successText(requestId: number, result: unknown): string {
  const response = result === undefined || result === null ? {} : result;
  return JSON.stringify({ "request-id": requestId, response }, withoutNullErrors);
}

/** A failure still carries `response`. */
export function failureText(requestId: number, error: unknown): string {
  const { message, code, info } = describe(error);
  const details = info ? { "error-info": info } : {};
  return JSON.stringify({
    "request-id": requestId,
    error: message,
    "error-code": code,
    ...details,
    response: {},
  });
}

function withoutNullErrors(key: string, value: unknown): unknown {
  return key === "error" && value === null ? undefined : value;
}

/** What a client may know of an error: words and code of those meant for it, of others only the words. */
export function describe(error: unknown): {
  message: string;
  code: string;
  info?: Readonly<Record<string, unknown>>;
} {
  if (error instanceof ApiError)
    return { message: error.message, code: error.code, ...(error.info ? { info: error.info } : {}) };
  if (error instanceof ModelError) return { message: error.message, code: error.code };
  return { message: error instanceof Error ? error.message : String(error), code: "" };
}
