import { ToolFailure, misuse } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

const levels = new Set(["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]);

export const machineTools: Tools = {
  "juju-reboot": {
    usage: "[options]",
    purpose: "reboot the machine, after this hook or now",
    flags: { now: "boolean" },
    most: 0,
    run: ({ view, buffer, isSet }) => {
      if (view.action) throw new ToolFailure("juju-reboot is not supported when running an action.");
      const { changes } = buffer;
      changes.reboot = isSet("now") || changes.reboot === "now" ? "now" : "after";
    },
  },
  "juju-log": {
    usage: "[options] <message>",
    purpose: "write a message to the log of the model",
    flags: { l: "text", "log-level": { alias: "l" }, debug: "boolean" },
    run: log,
  },
  "credential-get": {
    usage: "[options]",
    purpose: "get the credential of the model's cloud",
    format: "smart",
    most: 0,
    run: ({ view }) => {
      if (!view.trust) throw new ToolFailure("cannot access cloud credentials");
      throw new ToolFailure("cannot access cloud credentials: this model's cloud has none");
    },
  },
};

async function log({ view, args, text, isSet, effects }: Call): Promise<void> {
  if (args.length === 0) throw misuse("no message specified");
  const wanted = isSet("debug") ? "DEBUG" : (text("l") ?? "INFO").toUpperCase();
  const level = wanted === "WARN" ? "WARNING" : wanted;
  const isKnown = levels.has(level);
  if (!isKnown)
    await effects.log(
      "WARNING",
      `invalid log level ${JSON.stringify(text("l"))} of a message: logged at INFO`,
    );
  const relation = view.hook?.relationId === undefined ? undefined : view.relations[view.hook.relationId];
  const prefix = relation ? `${relation.endpoint}:${relation.id}: ` : "";
  await effects.log(isKnown ? level : "INFO", `${prefix}${args.join(" ")}`);
}
