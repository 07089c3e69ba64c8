/**
 * Hook tools: what charms ask and tell. A tool reads the hook's view, writes to its buffer, and does at once only what
 * survives a failed hook. One file per family; `call` holds what every tool is given.
 */
import type { HookBuffer, HookEffects, ToolResult } from "../contract.ts";
import { ModelError } from "../errors.ts";
import type { HookView } from "../hook-view.ts";
import { own } from "../records.ts";
import { actionTools } from "./actions.ts";
import { configTools } from "./config.ts";
import { parseFlags } from "./flags.ts";
import type { FlagKind } from "./flags.ts";
import { leadershipTools } from "./leadership.ts";
import { machineTools } from "./machine.ts";
import { networkTools } from "./network.ts";
import { parseFormat, render } from "./output.ts";
import { portTools } from "./ports.ts";
import { relationTools } from "./relations.ts";
import { secretTools } from "./secrets.ts";
import { secretWritingTools } from "./secret-writing.ts";
import { stateTools } from "./state.ts";
import { statusTools } from "./status.ts";
import { storageTools } from "./storage.ts";
import { ToolFailure, misuse } from "./tool.ts";
import type { Tool, Tools } from "./tool.ts";

const tools: Tools = {
  ...relationTools,
  ...configTools,
  ...statusTools,
  ...leadershipTools,
  ...stateTools,
  ...networkTools,
  ...portTools,
  ...machineTools,
  ...actionTools,
  ...storageTools,
  ...secretTools,
  ...secretWritingTools,
};

/** Every name under which the tools are found on a hook's PATH. */
export const hookToolNames: readonly string[] = Object.keys(tools).sort();

export const emptyBuffer = (): HookBuffer => ({
  changes: {
    relations: {},
    state: { set: {}, delete: [] },
    ports: { open: [], close: [] },
    secrets: [],
  },
  action: { results: {} },
});

/** Runs one tool; `argv` starts with its name. Changes the buffer only if the tool succeeds. */
export async function runHookTool(
  view: HookView,
  buffer: HookBuffer,
  argv: readonly string[],
  stdin: string | undefined,
  effects: HookEffects,
): Promise<ToolResult> {
  try {
    return await run(view, buffer, argv, stdin, effects);
  } catch (error) {
    return {
      exitCode: error instanceof ToolFailure ? error.exitCode : 1,
      stdout: "",
      stderr: `ERROR ${textOf(error)}\n`,
    };
  }
}

async function run(
  view: HookView,
  buffer: HookBuffer,
  [name = "", ...words]: readonly string[],
  stdin: string | undefined,
  effects: HookEffects,
): Promise<ToolResult> {
  const tool = own(tools, name);
  if (!tool) throw new ToolFailure(`bad request: unknown command ${JSON.stringify(name)}`);
  if (isHelp(words)) return { exitCode: 0, stdout: help(name, tool), stderr: "" };
  const parsed = parseFlags(words, flagsOf(tool));
  const format = tool.format === undefined ? "smart" : parseFormat(parsed.text("format"), tool.format);
  const surplus = parsed.args.slice(tool.most ?? Infinity);
  if (surplus.length > 0)
    throw misuse(`unrecognized args: [${surplus.map((each) => JSON.stringify(each)).join(" ")}]`);
  const value = await tool.run({ ...parsed, view, buffer, stdin, effects, format });
  const text = render(value, format);
  const file = parsed.text("output");
  if (file === undefined) return { exitCode: 0, stdout: text, stderr: "" };
  if (!effects.writeFile)
    throw new ToolFailure(`cannot write output to ${JSON.stringify(file)}: not supported here`);
  await effects.writeFile(file, text);
  return { exitCode: 0, stdout: "", stderr: "" };
}

const outputFlags: Readonly<Record<string, FlagKind>> = {
  format: "text",
  output: "text",
  o: { alias: "output" },
};

const flagsOf = (tool: Tool): Readonly<Record<string, FlagKind>> => ({
  ...tool.flags,
  ...(tool.format === undefined ? {} : outputFlags),
});

function isHelp(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? undefined : end).some((word) => word === "--help" || word === "-h");
}

function help(name: string, tool: Tool): string {
  const options = Object.entries(flagsOf(tool)).map(([flag, kind]) => {
    const dashed = flag.length === 1 ? `-${flag}` : `--${flag}`;
    return typeof kind === "object"
      ? `    ${dashed}  (= --${kind.alias})`
      : `    ${dashed}${kind === "text" ? " <value>" : ""}`;
  });
  const lines = [`Usage: ${name} ${tool.usage}`.trimEnd(), "", "Summary:", tool.purpose];
  return `${[...lines, ...(options.length > 0 ? ["", "Options:", ...options] : [])].join("\n")}\n`;
}

/** Whatever a tool throws is said to the charm; only what is no error of ours is shown with its class. */
function textOf(error: unknown): string {
  if (error instanceof ToolFailure || error instanceof ModelError) return error.message;
  return error instanceof Error ? error.message : String(error);
}
