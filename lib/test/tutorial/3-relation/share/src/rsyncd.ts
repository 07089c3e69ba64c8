/** The configuration of the rsync daemon, which reads it anew for every client. */
import type { ShareRequest } from "../../rsync-share/index.ts";
import type { Options } from "./options.ts";

export const directoryOf = (module: string): string => `/srv/share/${module}`;

export function rsyncdConf(options: Options, requests: readonly ShareRequest[]): string {
  return [
    `max connections = ${options.maxConnections}`,
    ...section("public", "read", [`comment = ${options.comment}`]),
    ...requests.flatMap(({ client, access }) => section(client, access, ["list = false"])),
    "",
  ].join("\n");
}

function section(module: string, access: "read" | "write", more: readonly string[]): string[] {
  const lines = [`path = ${directoryOf(module)}`, `read only = ${access === "read"}`];
  const writer = access === "write" ? ["uid = root", "gid = root"] : [];
  return [`[${module}]`, ...lines, ...writer, ...more];
}
