import { amend, own } from "../records.ts";
import { parsePairs } from "./flags.ts";
import { fileMap } from "./maps.ts";
import { ToolFailure, misuse } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

export const stateTools: Tools = {
  "state-get": {
    usage: "[options] [<key>]",
    purpose: "get what the charm keeps in the controller",
    flags: { strict: "boolean" },
    format: "smart",
    most: 1,
    run: (call) => {
      const [key = "-"] = call.args;
      const state = present(call);
      if (key === "-" || key === "") return state;
      const value = own(state, key);
      if (value === undefined && call.isSet("strict"))
        throw new ToolFailure(`${JSON.stringify(key)} not found`);
      return value ?? "";
    },
  },
  "state-set": {
    usage: "[options] key=value [key=value ...]",
    purpose: "keep something for this unit in the controller",
    flags: { file: "text" },
    run: async (call) => {
      const pairs = parsePairs(call.args);
      const writes = { ...(await fileMap(call, call.text("file"))), ...pairs };
      const { state } = call.buffer.changes;
      amend(state.set, writes);
      state.delete = state.delete.filter((key) => !Object.hasOwn(writes, key));
    },
  },
  "state-delete": {
    usage: "<key>",
    purpose: "forget what was kept in the controller",
    most: 1,
    run: ({ args: [key], buffer }) => {
      if (key === undefined || key === "") throw misuse("missing key");
      const { state } = buffer.changes;
      delete state.set[key];
      if (!state.delete.includes(key)) state.delete.push(key);
    },
  },
};

function present({ view, buffer }: Call): Record<string, string> {
  const state = { ...view.charmState };
  amend(state, {}, buffer.changes.state.delete);
  amend(state, buffer.changes.state.set);
  return state;
}
