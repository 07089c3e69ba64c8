import { RawText, ToolFailure, misuse } from "./tool.ts";
import type { Tools } from "./tool.ts";

const noPayloads = (): never => {
  throw new ToolFailure("payloads are not implemented");
};

/** Storage is not implemented, so no unit has any. */
export const storageTools: Tools = {
  "storage-list": {
    usage: "[options] [<storage-name>]",
    purpose: "list the storage attached to this unit",
    format: "smart",
    most: 1,
    run: () => [],
  },
  "storage-get": {
    usage: "[options] [<key>]",
    purpose: "get information on a storage instance",
    flags: { s: "text" },
    format: "smart",
    most: 1,
    run: ({ text }) => {
      const id = text("s");
      if (id === undefined) throw misuse("no storage instance specified");
      throw misuse(
        `invalid value ${JSON.stringify(id)} for option -s: storage ${JSON.stringify(id)} not found`,
      );
    },
  },
  "storage-add": {
    usage: "<charm storage name>[=count] ...",
    purpose: "add storage instances",
    run: ({ args: [name] }) => {
      if (name === undefined) throw misuse("storage add requires a storage directive");
      throw new ToolFailure(`cannot add storage ${JSON.stringify(name)}: storage is not implemented`);
    },
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
