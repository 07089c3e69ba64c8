/** Resources of an application: shown, replaced. */
import type { Run } from "../catalogue.ts";
import { first, type Context } from "../context.ts";
import { CommandError } from "../errors.ts";
import { emit } from "../output.ts";
import { table } from "../table.ts";
import { uploadResource } from "../upload.ts";
import { existingFile, keyValue } from "../values.ts";

interface WireResource {
  name: string;
  type: string;
  path: string;
  description: string;
  origin: string;
  fingerprint: string;
  size: number;
  username: string;
  timestamp: string;
}

async function resourcesOf(context: Context, application: string): Promise<WireResource[]> {
  const { api } = await context.model();
  const entities = [{ tag: `application-${application}` }];
  return first(
    await api.call<{ results: { resources: WireResource[] }[] }>("Resources", "ListResources", { entities }),
  ).resources;
}

/** Juju shows when a file was uploaded as its revision. */
const revision = ({ timestamp }: WireResource): string =>
  timestamp.startsWith("0001-") ? "-" : timestamp.slice(0, 19);

export const resources: Run = async (context, [application = ""]) => {
  const found = await resourcesOf(context, application);
  if (found.length === 0 && context.options["format"] === "tabular")
    return context.inform(`No resources to display.`);
  const document = {
    resources: found.map((resource) => ({
      name: resource.name,
      application,
      revision: revision(resource),
      fingerprint: Buffer.from(resource.fingerprint, "base64").toString("hex"),
      size: resource.size,
      used: resource.size > 0,
      timestamp: resource.timestamp,
      username: resource.username,
    })),
  };
  emit(context.io, context.options, document, () =>
    table(
      ["Resource", "Supplied by", "Revision"],
      found.map((resource) => [resource.name, resource.username || "-", revision(resource)]),
    ),
  );
};

export const attachResource: Run = async (context, [application = "", value = ""]) => {
  const [name, path] = keyValue(value);
  const file = existingFile(path, context.io.cwd, `resource "${name}"`);
  const model = await context.model();
  const entities = [{ tag: `application-${application}` }];
  const answer = await model.api.call<{ results: { resources: WireResource[] }[] }>(
    "Resources",
    "ListResources",
    { entities },
  );
  const known = first(answer).resources.map((resource) => resource.name);
  if (!known.includes(name))
    throw new CommandError(
      `resource "${name}" not found in application "${application}": it has ${known.join(", ") || "none"}`,
    );
  await uploadResource(model.destination, { application, name, file });
};
