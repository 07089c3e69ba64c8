import type { ToolResult } from "../tools/runner.ts";
import { longestArgument } from "../tools/tools.ts";
import type { LogLevel } from "./log.ts";
import { splitText } from "./split.ts";

/** Hands one line to juju-log. */
export type Send = (level: string, text: string) => Promise<ToolResult>;

/** Hands a text of any length to juju-log, in parts that it takes; `onRefused` hears of those that it does not take. */
export async function sendText(
  send: Send,
  { level, text }: { readonly level: LogLevel; readonly text: string },
  onRefused: (part: string, result: ToolResult) => void,
): Promise<void> {
  for (const part of splitText(text.replaceAll("\0", "\uFFFD"), longestArgument)) {
    const result = await send(level.toUpperCase(), part);
    if (result.exitCode !== 0) onRefused(part, result);
  }
}
