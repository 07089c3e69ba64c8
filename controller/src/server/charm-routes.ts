/** Charm archives: upload in python's form (POST) and the CLI's (PUT), download whole or by file. */
import { pipeline } from "node:stream/promises";
import { ApiError } from "../facade.ts";
import type { Charm } from "@cantrip/model";
import type { BlobInfo } from "../models.ts";
import { listArchive, readArchiveFile } from "../charm-archive.ts";
import { answerJson, type HttpCall, type Route } from "./http.ts";

const maxCharmBytes = 2 ** 31;

export const charmRoutes: readonly Route[] = [
  {
    method: "POST",
    path: /^\/model\/(?<model>[^/]+)\/charms$/,
    for: "user",
    errors: "flat",
    handle: uploadByPost,
  },
  {
    method: "PUT",
    path: /^\/model-(?<model>[0-9a-f-]{36})\/charms\/(?<object>[^/]+)$/,
    for: "user",
    errors: "flat",
    handle: uploadByPut,
  },
  { method: "GET", path: /^\/model\/(?<model>[^/]+)\/charms$/, for: "any", errors: "flat", handle: download },
];

async function uploadByPost(call: HttpCall): Promise<void> {
  const schema = call.url.searchParams.get("schema");
  if (schema !== null && schema !== "local")
    throw new ApiError("bad request", `cannot upload a charm of schema "${schema}": expected "local"`);
  const name = call.url.searchParams.get("name") ?? undefined;
  const revision = Number(call.url.searchParams.get("revision") ?? 0);
  const charm = await add(call, await receive(call), name, revision);
  answerJson(call.response, 200, { "charm-url": charm.url });
}

async function uploadByPut(call: HttpCall): Promise<void> {
  const wanted = String(call.request.headers["juju-curl"] ?? "");
  const asked = /^local:(?:[a-z0-9-]+\/)*(?<name>[a-z][a-z0-9-]*?)(?:-(?<revision>\d+))?$/.exec(
    wanted,
  )?.groups;
  if (!asked)
    throw new ApiError("bad request", `the header Juju-Curl is "${wanted}", expected local:NAME-REVISION`);
  const [, prefix] = /^.+-([0-9a-f]{7})$/.exec(call.groups["object"] ?? "") ?? [];
  if (!prefix)
    throw new ApiError(
      "bad request",
      `"${call.groups["object"]}" does not end in 7 digits of the archive's SHA-256`,
    );
  const blob = await receive(call);
  if (!blob.sha256.startsWith(prefix))
    throw new ApiError(
      "bad request",
      `the upload's SHA-256 is ${blob.sha256}, expected it to begin with ${prefix}`,
    );
  const charm = await add(call, blob, asked["name"], Number(asked["revision"] ?? 0));
  answerJson(call.response, 200, { "charm-url": charm.url }, { "juju-curl": charm.url });
}

/** What turns out to be no charm stays a nameless blob, which the next start removes. */
function receive({ controller, request }: HttpCall): Promise<BlobInfo> {
  return controller.blobs.put(request, { maxBytes: maxCharmBytes });
}

function add(
  { controller, model }: HttpCall,
  blob: BlobInfo,
  name: string | undefined,
  revision: number,
): Promise<Charm> {
  const minRevision = Number.isSafeInteger(revision) && revision > 0 ? revision : 0;
  return controller.charms.addBlob(model, blob, { minRevision, ...(name ? { name } : {}) });
}

async function download({ url, model, controller, response }: HttpCall): Promise<void> {
  const charmUrl = url.searchParams.get("url") ?? "";
  const charm = Object.hasOwn(model.state.charms, charmUrl) ? model.state.charms[charmUrl] : undefined;
  if (!charm || !controller.blobs.has(charm.sha256))
    throw new ApiError("not found", `charm "${charmUrl}" not found`);
  const archive = controller.blobs.path(charm.sha256);
  const file = url.searchParams.get("icon") === "1" ? "icon.svg" : (url.searchParams.get("file") ?? "");
  if (file === "") return answerJson(response, 200, { files: await listArchive(archive) });
  if (file === "*") {
    response.writeHead(200, { "content-type": "application/zip", "content-length": charm.size });
    return pipeline(controller.blobs.open(charm.sha256), response);
  }
  const content = await readArchiveFile(archive, file);
  if (!content) throw new ApiError("not found", `charm "${charmUrl}" has no file "${file}"`);
  response.writeHead(200, {
    "content-type": file.endsWith(".svg") ? "image/svg+xml" : "application/octet-stream",
    "x-content-type-options": "nosniff",
  });
  response.end(content);
}
