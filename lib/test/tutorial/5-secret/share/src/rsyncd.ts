/** The configuration of the rsync daemon, which reads it anew for every client. */
import type { ShareRequest } from "../../rsync-share/index.ts";
import type { Options } from "./options.ts";

export const directoryOf = (module: string): string => `/srv/share/${module}`;

export const secretsFile = "/etc/rsyncd.secrets";

/** A client whose password is known. */
export interface Client extends Pick<ShareRequest, "client" | "access"> {
  readonly password: string;
}

export function rsyncdConf(options: Options, clients: readonly Client[]): string {
  return [
    `max connections = ${options.maxConnections}`,
    ...section("public", "read", [`comment = ${options.comment}`]),
    ...clients.flatMap(({ client, access }) =>
      section(client, access, ["list = false", `auth users = ${client}`, `secrets file = ${secretsFile}`]),
    ),
    "",
  ].join("\n");
}

/** The daemon refuses this file if others than its owner may read it. */
export const rsyncdSecrets = (clients: readonly Client[]): string =>
  clients.map(({ client, password }) => `${client}:${password}\n`).join("");

function section(module: string, access: "read" | "write", more: readonly string[]): string[] {
  const lines = [`path = ${directoryOf(module)}`, `read only = ${access === "read"}`];
  const writer = access === "write" ? ["uid = root", "gid = root"] : [];
  return [`[${module}]`, ...lines, ...writer, ...more];
}
