/** One request to k8sd over its unix socket: JSON in, envelope out, bounded. */
import { request } from "node:http";
import { NodeRefused, NodeUnavailable } from "../service.ts";

export interface Call {
  readonly attempt: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs: number;
}
export interface Answer {
  readonly code: number;
  readonly error: string;
  readonly metadata: unknown;
}

const LONGEST_ANSWER = 8 * 1024 * 1024;
/** Errors of connect(2): nothing was sent. */
const NOT_CONNECTED = new Set(["ENOENT", "ECONNREFUSED", "EACCES", "ENOTSOCK"]);

/** @throws NodeUnavailable when no whole answer came in time, NodeRefused when it is none of k8sd's */
export async function call(socketPath: string, order: Call): Promise<Answer> {
  const { statusCode, text } = await exchange(socketPath, order).catch((error: unknown) => {
    throw unavailable(socketPath, order, error as Error & { code?: string });
  });
  return parseAnswer(order, statusCode, text);
}

function exchange(
  socketPath: string,
  { method, path, body: value, timeoutMs }: Call,
): Promise<{ statusCode: number; text: string }> {
  const body = value === undefined ? undefined : JSON.stringify(value);
  const content = body && { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath,
      method,
      path: `/1.0/${path}`,
      headers: { host: "control.socket", ...content },
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
    });
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      let length = 0;
      incoming.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > LONGEST_ANSWER)
          incoming.destroy(new Error(`the answer exceeds ${LONGEST_ANSWER} bytes`));
      });
      incoming.on("error", reject);
      incoming.on("end", () =>
        resolve({ statusCode: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    outgoing.end(body);
  });
}

function parseAnswer({ attempt }: Call, statusCode: number, text: string): Answer {
  const envelope = parseJson(text);
  if (typeof envelope !== "object" || envelope === null)
    throw new NodeRefused(attempt, statusCode, `no JSON envelope but "${text.slice(0, 80)}"`);
  const { error_code: errorCode = 0, error = "", metadata } = envelope as Record<string, unknown>;
  const code = statusCode === 200 ? Number(errorCode) || 200 : statusCode;
  return { code, error: String(error), metadata };
}

function unavailable(
  socketPath: string,
  { attempt, timeoutMs }: Call,
  error: Error & { code?: string },
): NodeUnavailable {
  if (NOT_CONNECTED.has(error.code ?? "")) {
    const reason = `k8sd does not answer at ${socketPath} (${error.code})`;
    return new NodeUnavailable(attempt, reason, "none", error);
  }
  const isTimeout = error.name === "AbortError" || error.name === "TimeoutError";
  const reason = isTimeout
    ? `no answer from k8sd within ${timeoutMs / 1000} s`
    : `the connection to k8sd broke (${error.message})`;
  return new NodeUnavailable(attempt, reason, "unknown", error);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
