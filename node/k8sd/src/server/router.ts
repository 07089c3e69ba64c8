/** Endpoints by method and path, who may call them, and how a request becomes an envelope. */
import {
  InvalidInput,
  parse,
  success,
  failure,
  type ErrorEnvelope,
  type Schema,
  type SuccessEnvelope,
} from "@cantrip/metadata/k8sd";
import { ApiError, messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";

export interface NodeCaller {
  readonly kind: "control-plane" | "worker";
  readonly name: string;
  /** Tells it from an earlier node of the same name. */
  readonly credential: string;
}
/** Who is asking: the root-only socket, a control plane's daemon, a worker's daemon, or anyone. */
export type Caller = { readonly kind: "local" } | NodeCaller | { readonly kind: "unknown" };

export interface Endpoint<B = never> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** A segment such as `<name>` stands for any one. */
  readonly path: string;
  /** Whom it serves; by default the socket and other control planes. */
  readonly for?: (caller: Caller) => boolean;
  readonly body?: Schema<B>;
  /** Its answers have a form of their own: the handler gives status and body. */
  readonly isRaw?: boolean;
  handle(body: B, caller: Caller, headers: Headers): unknown;
}
/** By lower-case name. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;
export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly text: string;
  readonly caller: Caller;
  readonly headers?: Headers;
}
export interface Outgoing {
  readonly status: number;
  readonly body: SuccessEnvelope<unknown> | ErrorEnvelope | object;
}

/** Others are no methods of this API anywhere. */
const METHODS = new Set(["GET", "POST", "PUT", "DELETE", "PATCH"]);
const isTrusted = ({ kind }: Caller) => kind === "local" || kind === "control-plane";

export class Router {
  readonly #endpoints = new Map<string, Endpoint<never>>();

  add<B>(endpoint: Endpoint<B>): this {
    const key = `${endpoint.method} ${endpoint.path}`;
    if (this.#endpoints.has(key)) throw new Error(`Cannot register ${key} twice`);
    this.#endpoints.set(key, endpoint as unknown as Endpoint<never>);
    return this;
  }

  async answer(request: Incoming): Promise<Outgoing> {
    try {
      return await this.#handle(request);
    } catch (error) {
      const status = error instanceof ApiError ? error.code : error instanceof InvalidInput ? 400 : 500;
      if (status >= 500 && status !== 503)
        log.warning(`${request.method} ${request.path}: ${messageOf(error)}`);
      return { status, body: failure(status, messageOf(error)) };
    }
  }

  async #handle({ method, path, text, caller, headers = {} }: Incoming): Promise<Outgoing> {
    const endpoint = this.#find(method, path);
    if (!(endpoint.for ?? isTrusted)(caller)) throw new ApiError(403, "not authorized");
    const body = endpoint.body ? parseBody(endpoint.body, text) : undefined;
    const answer = await endpoint.handle(body as never, caller, headers);
    if (endpoint.isRaw) return answer as Outgoing;
    return { status: 200, body: success(answer === undefined ? {} : answer) };
  }

  #find(method: string, path: string): Endpoint<never> {
    const exact = this.#endpoints.get(`${method} ${path}`);
    if (exact) return exact;
    if (!METHODS.has(method)) throw new ApiError(404, `Method '${method.slice(0, 32)}' not found`);
    const there = [...this.#endpoints.values()].filter((endpoint) => isAt(endpoint.path, path));
    const found = there.find((endpoint) => endpoint.method === method);
    if (found) return found;
    throw there.length > 0
      ? new ApiError(501, `method ${method} is not implemented for ${path.slice(0, 128)}`)
      : new ApiError(404, `not found: ${path.slice(0, 128)}`);
  }
}

/** Whether a request's path is an endpoint's, in which `<name>` stands for any one segment. */
function isAt(pattern: string, path: string): boolean {
  if (!pattern.includes("<")) return pattern === path;
  const [expected, segments] = [pattern.split("/"), path.split("/")];
  return (
    expected.length === segments.length &&
    expected.every((part, at) => (part.startsWith("<") ? segments[at] !== "" : part === segments[at]))
  );
}

function parseBody<B>(schema: Schema<B>, text: string): B {
  let value: unknown;
  try {
    value = text.trim() === "" ? {} : JSON.parse(text);
  } catch (cause) {
    throw new ApiError(400, "failed to parse request: expected JSON", { cause });
  }
  return parse(schema, value, "failed to parse request");
}
