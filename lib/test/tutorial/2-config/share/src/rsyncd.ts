/** The configuration of the rsync daemon, which reads it anew for every client. */
import type { Options } from "./options.ts";

export function rsyncdConf({ comment, maxConnections }: Options): string {
  return [
    `max connections = ${maxConnections}`,
    "[public]",
    `comment = ${comment}`,
    "path = /srv/share/public",
    "read only = true",
    "",
  ].join("\n");
}
