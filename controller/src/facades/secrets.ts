/** Secrets: what exists, and on request its content. Making and changing user secrets is not served yet. */
import type { Secret } from "@cantrip/model";
import {
  ApiError,
  defineFacade,
  lenient,
  type Connection,
  type FacadeMethod,
  type Params,
} from "../facade.ts";
import { flag, optionalText, wholeNumber } from "./params.ts";
import { applicationTag, eachResult, modelOf, modelTag, time, unitTag } from "./values.ts";

const ListSecrets: FacadeMethod = async (connection, params) => {
  const filter = lenient(params["filter"]);
  const reveal = flag(params, "show-secrets");
  const found = Object.values(modelOf(connection).state.secrets).filter((secret) =>
    isWanted(connection, secret, filter),
  );
  return { results: await eachResult(found, (secret) => wireSecret(connection, secret, filter, reveal)) };
};

function isWanted(connection: Connection, secret: Secret, filter: Params): boolean {
  const uri = optionalText(filter, "uri")?.replace(/^secret:/, "");
  const label = optionalText(filter, "label");
  const owner = optionalText(filter, "owner-tag");
  return (
    (uri === undefined || secret.id === uri) &&
    (label === undefined || secret.label === label || secret.name === label) &&
    (owner === undefined || ownerTag(connection, secret) === owner)
  );
}

function ownerTag(connection: Connection, { owner }: Secret): string {
  if (owner.kind === "model") return modelTag(modelOf(connection).uuid);
  return owner.kind === "unit" ? unitTag(owner.name) : applicationTag(owner.name);
}

async function wireSecret(
  connection: Connection,
  secret: Secret,
  filter: Params,
  reveal: boolean,
): Promise<object> {
  const revision = wholeNumber(filter, "revision") || secret.latest;
  const { checksum } = secret.revisions.find((r) => r.revision === secret.latest) ?? { checksum: "" };
  return {
    uri: `secret:${secret.id}`,
    version: 1,
    "owner-tag": ownerTag(connection, secret),
    "rotate-policy": secret.rotate ?? "never",
    ...(secret.nextRotation === undefined ? {} : { "next-rotate-time": time(secret.nextRotation) }),
    label: secret.name ?? secret.label ?? "",
    description: secret.description ?? "",
    "latest-revision": secret.latest,
    "latest-revision-checksum": checksum,
    "create-time": time(secret.createdAt),
    "update-time": time(secret.updatedAt),
    revisions: secret.revisions.map((r) => ({
      revision: r.revision,
      "backend-name": "internal",
      "create-time": time(r.createdAt),
      "update-time": time(r.createdAt),
      ...(r.expiresAt === undefined ? {} : { "expire-time": time(r.expiresAt) }),
    })),
    access: secret.grants.map(({ subject, relation }) => ({
      "target-tag": subject.includes("/") ? unitTag(subject) : applicationTag(subject),
      "scope-tag": relation === undefined ? modelTag(modelOf(connection).uuid) : `relation-${relation}`,
      role: "view",
    })),
    ...(reveal ? { value: await content(connection, secret, revision) } : {}),
  };
}

async function content(connection: Connection, secret: Secret, revision: number): Promise<object> {
  const found = secret.revisions.find((r) => r.revision === revision);
  if (!found) throw new ApiError("not found", `secret "${secret.id}" has no revision ${revision}`);
  const values = await connection.controller.secretContent(modelOf(connection), found.contentId);
  const encoded = Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  return { data: Object.fromEntries(encoded) };
}

defineFacade({ name: "Secrets", versions: [1, 2], on: "model", methods: { ListSecrets } });
