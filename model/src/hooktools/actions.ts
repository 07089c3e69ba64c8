import { own, put } from "../records.ts";
import { ToolFailure, misuse } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

const reserved = new Set(["stdout", "stdout-encoding", "stderr", "stderr-encoding"]);
const keyPart = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const noReason = "action failed without reason given, check action for errors";

export const actionTools: Tools = {
  "action-get": {
    usage: "[options] [<key>[.<key>.<key>...]]",
    purpose: "get the parameters of the action",
    format: "smart",
    most: 1,
    run: (call) => {
      const { parameters } = actionOf(call);
      const [path] = call.args;
      return path === undefined || path === "" ? parameters : (at(parameters, path.split(".")) ?? null);
    },
  },
  "action-set": {
    usage: "<key>=<value> [<key>=<value> ...]",
    purpose: "set results of the action",
    run: (call) => {
      const settings = call.args.map(parseResult);
      actionOf(call);
      for (const { path, value } of settings) setAt(call.buffer.action.results, path, value);
    },
  },
  "action-log": {
    usage: "<message>",
    purpose: "tell the operator how the action goes",
    run: async (call) => {
      if (call.args.length === 0) throw misuse("no message specified");
      actionOf(call);
      await call.effects.actionLog(call.args.join(" "));
    },
  },
  "action-fail": {
    usage: '["<failure message>"]',
    purpose: "let the action fail",
    most: 1,
    run: (call) => {
      actionOf(call);
      call.buffer.action.failed = call.args[0] ?? noReason;
    },
  },
};

/** Commands of juju-exec run as actions, but are none. */
function actionOf({ view: { action } }: Call): NonNullable<Call["view"]["action"]> {
  if (!action || action.name === "juju-exec") throw new ToolFailure("not running an action");
  return action;
}

function at(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return value;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return at(own(value as Record<string, unknown>, key), rest);
}

function parseResult(argument: string): { path: string[]; value: string } {
  const index = argument.indexOf("=");
  if (index < 0) throw misuse(`argument ${JSON.stringify(argument)} must be of the form key...=value`);
  const key = argument.slice(0, index);
  const path = key.split(".");
  const wrong = path.find((part) => !keyPart.test(part));
  if (wrong !== undefined) {
    const rule =
      "must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens";
    throw misuse(`key ${JSON.stringify(wrong)} ${rule}`);
  }
  if (path.length === 1 && reserved.has(key))
    throw misuse(`cannot set reserved action key ${JSON.stringify(key)}`);
  return { path, value: argument.slice(index + 1) };
}

function setAt(
  results: Record<string, unknown>,
  [key = "", ...rest]: readonly string[],
  value: string,
): void {
  if (rest.length === 0) {
    put(results, key, value);
    return;
  }
  const known = own(results, key);
  const inner = typeof known === "object" && known !== null ? (known as Record<string, unknown>) : {};
  put(results, key, inner);
  setAt(inner, rest, value);
}
