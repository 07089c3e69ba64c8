/** HTTP beside the websockets: a table of routes, Basic authentication by tag, errors in the shape that each route's clients read. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ApiError } from "../facade.ts";
import type { Account, Controller, LiveModel } from "../models.ts";
import { describe } from "./envelope.ts";

export interface HttpCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly controller: Controller;
  readonly account: Account;
  readonly model: LiveModel;
  /** groups of the path's pattern, decoded */
  readonly groups: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: "GET" | "PUT" | "POST";
  /** must have a group `model` */
  readonly path: RegExp;
  readonly for: "user" | "machine" | "any";
  /** charms: `{"error":"text"}`; resources: `{"error":{"message","code"}}` */
  readonly errors: "flat" | "nested";
  readonly handle: (call: HttpCall) => Promise<void>;
}

export async function serveHttp(
  controller: Controller,
  routes: readonly Route[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "https://controller");
  if (request.method === "GET" && url.pathname === "/health")
    return answerJson(response, 200, { status: "running", uuid: controller.uuid });
  const onPath = routes.filter((route) => route.path.test(url.pathname));
  const route = onPath.find((r) => r.method === request.method);
  try {
    if (!route)
      throw new ApiError(
        onPath.length > 0 ? "method not allowed" : "not found",
        `${request.method} ${url.pathname} is not served here`,
      );
    const groups = decodeGroups(route.path.exec(url.pathname)?.groups ?? {});
    const model = controller.models.get(groups["model"] ?? "");
    const account = await basicAccount(controller, request.headers.authorization, model?.uuid);
    if (!account) throw new ApiError("unauthorized access", "invalid entity name or password");
    if (route.for !== "any" && route.for !== account.kind)
      throw new ApiError("forbidden", "permission denied");
    if (!model) throw new ApiError("model not found", `unknown model: "${groups["model"]}"`);
    await route.handle({ request, response, url, controller, account, model, groups });
  } catch (error) {
    answerError(response, error, route?.errors ?? "flat");
  }
}

/** @returns who the header names, if the password is right */
export async function basicAccount(
  controller: Controller,
  header: string | undefined,
  modelUuid: string | undefined,
): Promise<Account | undefined> {
  const encoded = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(header ?? "")?.[1];
  if (!encoded) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  return controller.authenticate(
    text.slice(0, colon),
    text.slice(colon + 1),
    modelUuid === undefined ? {} : { modelUuid },
  );
}

export function answerJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

function answerError(response: ServerResponse, error: unknown, shape: Route["errors"]): void {
  if (response.headersSent) return void response.destroy();
  const { message, code } = describe(error);
  const challenge = code === "unauthorized access" ? { "www-authenticate": 'Basic realm="juju"' } : {};
  const body = shape === "flat" ? { error: message, "error-code": code } : { error: { message, code } };
  // What the client still sends is not read: the connection ends with the answer.
  answerJson(response, statusOf(code), body, { ...challenge, connection: "close" });
}

const statuses: Record<string, number> = {
  "unauthorized access": 401,
  forbidden: 403,
  "not found": 404,
  "model not found": 404,
  "bad request": 400,
  "not valid": 400,
  "operation is blocked": 400,
  "method not allowed": 405,
  "not yet available; try again later": 409,
};
function statusOf(code: string): number {
  return statuses[code] ?? 500;
}

function decodeGroups(groups: Record<string, string | undefined>): Record<string, string> {
  try {
    return Object.fromEntries(Object.entries(groups).map(([k, v]) => [k, decodeURIComponent(v ?? "")]));
  } catch {
    throw new ApiError("bad request", "the path is not valid percent-encoded text");
  }
}
