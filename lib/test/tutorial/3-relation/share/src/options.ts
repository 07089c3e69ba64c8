/** The charm's options, checked before any of them is used. */
import type { Config } from "./generated/charm-types.ts";

export interface Options {
  readonly comment: string;
  readonly maxConnections: number;
}

export function parseOptions({ comment, "max-connections": maxConnections }: Config): Options {
  if (comment.includes("\n")) throw new Error("comment: expected one line");
  if (maxConnections < 0) throw new Error(`max-connections: expected 0 or more, got ${maxConnections}`);
  return { comment, maxConnections };
}
