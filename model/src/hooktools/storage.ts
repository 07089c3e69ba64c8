import { own } from "../records.ts";
import { RawText, ToolFailure, misuse } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

const noPayloads = (): never => {
  throw new ToolFailure("payloads are not implemented");
};

export const storageTools: Tools = {
  "storage-list": {
    usage: "[options] [<storage-name>]",
    purpose: "list the storage attached to this unit",
    format: "smart",
    most: 1,
    run: ({ view: { storage = {} }, args: [wanted] }) =>
      Object.entries(storage)
        .filter(([, { name }]) => wanted === undefined || name === wanted)
        .map(([id]) => id),
  },
  "storage-get": {
    usage: "[options] [<key>]",
    purpose: "get information on a storage instance",
    flags: { s: "text" },
    format: "smart",
    most: 1,
    run: storageGet,
  },
  "storage-add": {
    usage: "<charm storage name>[=count] ...",
    purpose: "add storage instances",
    run: storageAdd,
  },
  "resource-get": {
    usage: "<resource name>",
    purpose: "get the path of a resource, downloaded if need be",
    most: 1,
    run: async ({ view, args: [name], effects }) => {
      if (name === undefined || name === "") throw misuse("missing required resource name");
      if (!view.resources.includes(name))
        throw new ToolFailure(`could not download resource: resource ${JSON.stringify(name)} not found`);
      return new RawText(await downloaded(() => effects.resourcePath(name)));
    },
  },
  "payload-register": {
    usage: "<type> <class> <id> [tags...]",
    purpose: "register a payload",
    run: noPayloads,
  },
  "payload-unregister": { usage: "<class> <id>", purpose: "forget a payload", run: noPayloads },
  "payload-status-set": {
    usage: "<class> <id> <status>",
    purpose: "set the status of a payload",
    run: noPayloads,
  },
};

function storageGet({ view: { storage = {}, hook }, text, args: [key] }: Call): unknown {
  const id = text("s") ?? hook?.storageId;
  if (id === undefined) throw misuse("no storage instance specified");
  const instance = own(storage, id);
  if (!instance)
    throw misuse(
      `invalid value ${JSON.stringify(id)} for option -s: storage ${JSON.stringify(id)} not found`,
    );
  const known = { kind: instance.kind, location: instance.location };
  if (key === undefined || key === "") return known;
  const value = own(known, key);
  if (value === undefined) throw new ToolFailure(`invalid storage attribute ${JSON.stringify(key)}`);
  return value;
}

/** With the hook's commit, which looks at what the charm defines. */
function storageAdd({ view, buffer: { changes }, args }: Call): void {
  if (args.length === 0) throw misuse("storage add requires a storage directive");
  const requests = args.map((text) => {
    const [, name = "", count = "1"] = /^([^=]*)(?:=(\d{1,9}))?$/.exec(text) ?? [];
    if (!view.storage)
      throw new ToolFailure(`cannot add storage ${JSON.stringify(text)}: storage is not implemented`);
    if (name === "" || Number(count) === 0)
      throw misuse(`cannot parse storage directive ${JSON.stringify(text)}: expected name or name=count`);
    return { name, count: Number(count) };
  });
  changes.storage = [...(changes.storage ?? []), ...requests];
}

async function downloaded(act: () => Promise<string>): Promise<string> {
  try {
    return await act();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ToolFailure(
      `could not download resource: ${reason.replace(/^could not download resource: /, "")}`,
    );
  }
}
