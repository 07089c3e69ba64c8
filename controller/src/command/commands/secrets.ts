/** Secrets: what exists, and with `--reveal` what they hold. */
import type { Run } from "../catalogue.ts";
import type { Context } from "../context.ts";
import { CommandError } from "../errors.ts";
import { emit } from "../output.ts";
import { table } from "../table.ts";
import { age } from "../times.ts";
import { wholeNumber } from "../values.ts";

interface WireSecret {
  uri: string;
  "owner-tag": string;
  "rotate-policy": string;
  "next-rotate-time"?: string;
  label: string;
  description: string;
  "latest-revision": number;
  "latest-revision-checksum": string;
  "create-time": string;
  "update-time": string;
  revisions: {
    revision: number;
    "backend-name": string;
    "create-time": string;
    "update-time": string;
    "expire-time"?: string;
  }[];
  access: { "target-tag": string; "scope-tag": string; role: string }[];
  value?: { data: Record<string, string> };
}

async function list(context: Context, request: object): Promise<WireSecret[]> {
  const { api } = await context.model();
  return (await api.call<{ results: WireSecret[] }>("Secrets", "ListSecrets", request)).results;
}

const idOf = ({ uri }: WireSecret): string => uri.replace(/^secret:/, "");

const named = (tag: string): string =>
  tag.startsWith("model-")
    ? "<model>"
    : tag.replace(/^unit-(.*)-(\d+)$/, "$1/$2").replace(/^application-/, "");

function secretDocument(secret: WireSecret, { reveal = false, revisions = false } = {}): object {
  const isUsers = secret["owner-tag"].startsWith("model-");
  return {
    revision: secret["latest-revision"],
    ...(reveal ? { checksum: secret["latest-revision-checksum"] } : {}),
    rotation: secret["rotate-policy"],
    ...(secret["next-rotate-time"] ? { rotates: secret["next-rotate-time"] } : {}),
    owner: named(secret["owner-tag"]),
    ...(secret.description ? { description: secret.description } : {}),
    ...(secret.label ? { [isUsers ? "name" : "label"]: secret.label } : {}),
    created: secret["create-time"],
    updated: secret["update-time"],
    ...(secret.access.length > 0
      ? {
          access: secret.access.map((grant) => ({
            target: grant["target-tag"],
            scope: grant["scope-tag"],
            role: grant.role,
          })),
        }
      : {}),
    ...(revisions
      ? {
          revisions: secret.revisions.map((r) => ({
            revision: r.revision,
            backend: r["backend-name"],
            created: r["create-time"],
            updated: r["update-time"],
          })),
        }
      : {}),
  };
}

export const secrets: Run = async (context) => {
  const { options, io } = context;
  const owner = options["owner"];
  const found = await list(context, {
    filter: owner === undefined ? null : { "owner-tag": owner },
    "show-secrets": false,
  });
  if (found.length === 0 && options["format"] === "tabular")
    return context.inform("There are no secrets in this model.");
  const document = Object.fromEntries(
    found.map((secret) => [
      idOf(secret),
      secretDocument(secret, { revisions: options["revisions"] === true }),
    ]),
  );
  const rows = found.map((secret) => [
    idOf(secret),
    secret.label || "-",
    named(secret["owner-tag"]),
    secret["rotate-policy"],
    secret["latest-revision"],
    age(secret["update-time"]),
  ]);
  emit(io, options, document, () =>
    table(["ID", "Name", "Owner", "Rotation", "Revision", "Last updated"], rows, { right: ["Revision"] }),
  );
};

export const showSecret: Run = async (context, [name = ""]) => {
  const { options, io } = context;
  const reveal = options["reveal"] === true || options["revision"] !== undefined;
  const revision = wholeNumber(options["revision"], "--revision", 0, 1);
  const which = /^(?:secret:)?[0-9a-z]{20}$/.test(name)
    ? { uri: `secret:${name.replace(/^secret:/, "")}` }
    : { label: name };
  const filter = { ...which, ...(revision > 0 ? { revision } : {}) };
  const [secret] = await list(context, { filter, "show-secrets": reveal });
  if (!secret) throw new CommandError(`secret "${name}" not found`);
  const failure = (secret as { error?: { message: string } }).error;
  if (failure) throw new CommandError(failure.message);
  const document = secretDocument(secret, { reveal, revisions: options["revisions"] === true });
  emit(io, options, { [idOf(secret)]: { ...document, ...contentOf(secret, options["format"] === "json") } });
};

/** JSON has one level more than YAML, as with juju. */
function contentOf({ value }: WireSecret, isJson: boolean): object {
  if (!value) return {};
  const data = Object.fromEntries(
    Object.entries(value.data).map(([key, encoded]) => [key, Buffer.from(encoded, "base64").toString()]),
  );
  return { content: isJson ? { Data: data } : data };
}
