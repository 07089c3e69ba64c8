import { charmActionsOf, charmConfigOf, charmMetadataOf } from "@cantrip/metadata";
import type { Charm } from "../../src/index.ts";

/** A charm as its files say, without the archive. */
export function charm(
  name: string,
  metadata: Record<string, unknown> = {},
  {
    revision = 0,
    options = {},
    actions = {},
  }: { revision?: number; options?: object; actions?: object } = {},
): Charm {
  return {
    url: `local:${name}-${revision}`,
    name,
    revision,
    sha256: "0".repeat(64),
    size: 1,
    metadata: charmMetadataOf({ name, summary: "s", description: "d", ...metadata }),
    config: Object.keys(options).length > 0 ? charmConfigOf({ options }) : { options: [] },
    actions: charmActionsOf(actions),
  };
}

export const web = charm(
  "web",
  {
    peers: { peers: { interface: "web-peers" } },
    requires: { db: { interface: "pgsql" } },
    provides: { site: { interface: "http" } },
    resources: { blob: { type: "file", filename: "blob.tar" } },
  },
  {
    options: {
      port: { type: "int", default: 80 },
      title: { type: "string" },
      debug: { type: "boolean", default: false },
      ratio: { type: "float" },
    },
    actions: { ping: { params: { count: { type: "integer", default: 1 }, host: { type: "string" } } } },
  },
);
export const pg = charm("pg", {
  provides: { db: { interface: "pgsql" } },
  peers: { cluster: { interface: "pg" } },
});
export const lb = charm("lb", {
  requires: { back: { interface: "http", limit: 1 }, spare: { interface: "http" } },
});
