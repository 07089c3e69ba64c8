/** Files sent to the controller beside its API: charms and resources, over HTTP with the same CA and password. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { request } from "node:https";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { CommandError } from "./errors.ts";
import type { ControllerTarget } from "./target.ts";

export interface Destination {
  readonly target: ControllerTarget;
  /** the address that the API connection found working */
  readonly endpoint: string;
  readonly modelUuid: string;
}

export async function digestOf(path: string, algorithm: "sha256" | "sha384"): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** @returns the charm's URL, with the revision that the controller chose */
export async function uploadCharm(destination: Destination, path: string, name: string): Promise<string> {
  const digest = await digestOf(path, "sha256");
  const answer = await put(destination, {
    what: `charm ${path}`,
    path: `/model-${destination.modelUuid}/charms/${name}-${digest.slice(0, 7)}`,
    file: path,
    headers: { "content-type": "application/zip", "juju-curl": `local:${name}-0` },
  });
  const url = (answer as { "charm-url"?: unknown })["charm-url"];
  if (typeof url === "string") return url;
  throw new CommandError(`cannot upload charm ${path}: the controller named no URL for it`);
}

export async function uploadResource(
  destination: Destination,
  resource: { application: string; name: string; file: string; pendingId?: string },
): Promise<void> {
  const { application, name, file, pendingId } = resource;
  const query = pendingId === undefined ? "" : `?pendingid=${encodeURIComponent(pendingId)}`;
  await put(destination, {
    what: `resource ${name} (${file})`,
    path: `/model/${destination.modelUuid}/applications/${application}/resources/${encodeURIComponent(name)}${query}`,
    file,
    headers: {
      "content-type": "application/octet-stream",
      "content-sha384": await digestOf(file, "sha384"),
      "content-disposition": `form-data; filename="${basename(file).replaceAll('"', "")}"`,
    },
  });
}

interface Upload {
  readonly what: string;
  readonly path: string;
  readonly file: string;
  readonly headers: Record<string, string>;
}

async function put(
  { target, endpoint }: Destination,
  { what, path, file, headers }: Upload,
): Promise<unknown> {
  const { size } = await stat(file);
  const { status, body } = await send(target, {
    endpoint,
    path,
    file,
    headers: { ...headers, "content-length": String(size) },
  });
  const answer = parse(body);
  if (status === 200) return answer;
  throw new CommandError(`cannot upload ${what}: ${reasonIn(answer) ?? `the controller answered ${status}`}`);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Charms and resources answer differently. */
function reasonIn(answer: unknown): string | undefined {
  const { error } = (answer ?? {}) as { error?: string | { message?: string } };
  return typeof error === "string" ? error : error?.message;
}

/** The answer may come before all is sent: a refusal. */
function send(
  { controller, account }: ControllerTarget,
  {
    endpoint,
    path,
    file,
    headers,
  }: { endpoint: string; path: string; file: string; headers: Record<string, string> },
): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(`https://${endpoint}`);
  const auth = `user-${account.user}:${account.password ?? ""}`;
  return new Promise((resolve, reject) => {
    const call = request(
      {
        method: "PUT",
        hostname: hostname.replace(/^\[|\]$/g, ""),
        port,
        path,
        headers,
        auth,
        ca: controller["ca-cert"],
        servername: "juju-apiserver",
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (body += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        response.on("error", reject);
      },
    );
    call.on("error", (cause) =>
      reject(new CommandError(`upload to ${endpoint} failed: ${cause.message}`, { cause })),
    );
    pipeline(createReadStream(file), call).catch(() => undefined);
  });
}
