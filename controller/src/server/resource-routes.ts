/** Resources of applications, and blobs for machine agents. */
import { basename, extname } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Application, Resource } from "@cantrip/model";
import { ApiError } from "../facade.ts";
import { answerJson, type HttpCall, type Route } from "./http.ts";

const maxResourceBytes = 8 * 2 ** 30;
const path = /^\/model\/(?<model>[^/]+)\/applications\/(?<application>[^/]+)\/resources\/(?<name>[^/]+)$/;

export const resourceRoutes: readonly Route[] = [
  { method: "PUT", path, for: "user", errors: "nested", handle: upload },
  { method: "GET", path, for: "any", errors: "nested", handle: download },
  {
    method: "GET",
    path: /^\/model\/(?<model>[^/]+)\/blobs\/(?<sha256>[0-9a-f]{64})$/,
    for: "machine",
    errors: "nested",
    handle: blob,
  },
];

async function upload(call: HttpCall): Promise<void> {
  const { controller, model, request, response, url, groups } = call;
  const pendingId = url.searchParams.get("pendingid");
  const declared = declaredFile(call, pendingId);
  const sha384 = headerText(request.headers["content-sha384"]);
  const filename = basename(
    /filename="?([^";]+)"?/.exec(headerText(request.headers["content-disposition"]) ?? "")?.[1] ?? declared,
  );
  if (extname(declared) && extname(filename) !== extname(declared)) {
    throw new ApiError(
      "bad request",
      `incorrect extension on resource upload "${filename}", expected "${extname(declared)}"`,
    );
  }
  const info = await controller.blobs.put(request, {
    maxBytes: maxResourceBytes,
    ...(sha384 ? { sha384 } : {}),
  });
  const resource: Resource = { name: groups["name"] ?? "", ...info, filename, uploadedAt: Date.now() };
  if (pendingId) controller.pendingResources.fulfil(pendingId, resource);
  else
    await model.execute(
      { type: "set-resource", application: groups["application"] ?? "", resource },
      { by: "user", user: call.account.tag },
    );
  answerJson(response, 200, {
    resource: wireResource(resource, groups["application"] ?? "", pendingId ?? "", call.account.displayName),
  });
}

/** Name of the file that the charm declares for the resource. */
function declaredFile({ controller, model, groups }: HttpCall, pendingId: string | null): string {
  const name = groups["name"] ?? "";
  if (pendingId) {
    const pending = controller.pendingResources.get(pendingId);
    if (!pending || pending.modelUuid !== model.uuid || pending.name !== name)
      throw new ApiError("not found", `pending resource "${pendingId}" not found`);
  }
  const application = applicationOf(model.state.applications, groups["application"] ?? "");
  if (!application) {
    if (pendingId) return "";
    throw new ApiError("not found", `application "${groups["application"]}" not found`);
  }
  const declared = model.state.charms[application.charmUrl]?.metadata.resources ?? [];
  const definition = declared.find((r) => r.name === name);
  if (!definition && !pendingId)
    throw new ApiError("not found", `resource "${name}" of application "${application.name}" not found`);
  return definition?.filename ?? "";
}

async function download({ controller, model, response, groups }: HttpCall): Promise<void> {
  const resource = applicationOf(model.state.applications, groups["application"] ?? "")?.resources[
    groups["name"] ?? ""
  ];
  if (!resource)
    throw new ApiError(
      "not found",
      `resource "${groups["name"]}" of application "${groups["application"]}" not found`,
    );
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    "content-length": resource.size,
    "content-sha384": resource.sha384,
  });
  await pipeline(controller.blobs.open(resource.sha256), response);
}

/** Charms and resources of the agent's own model. */
async function blob({ controller, model, response, groups }: HttpCall): Promise<void> {
  const sha256 = groups["sha256"] ?? "";
  const resources = Object.values(model.state.applications).flatMap((a) => Object.values(a.resources));
  const known = [...Object.values(model.state.charms), ...resources].find((item) => item.sha256 === sha256);
  if (!known) throw new ApiError("not found", `blob ${sha256} not found in model "${model.name}"`);
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": known.size });
  await pipeline(controller.blobs.open(sha256), response);
}

export function wireResource(
  resource: Resource,
  application: string,
  pendingId: string,
  username: string,
): Record<string, unknown> {
  return {
    name: resource.name,
    type: "file",
    path: resource.filename,
    description: "",
    origin: "upload",
    revision: 0,
    fingerprint: Buffer.from(resource.sha384, "hex").toString("base64"),
    size: resource.size,
    id: `${application}/${resource.name}`,
    "pending-id": pendingId,
    application,
    username,
    timestamp: new Date(resource.uploadedAt).toISOString(),
  };
}

function applicationOf(applications: Record<string, Application>, name: string): Application | undefined {
  return Object.hasOwn(applications, name) ? applications[name] : undefined;
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
