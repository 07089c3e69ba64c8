import { own, put } from "../records.ts";
import { ToolFailure } from "./tool.ts";
import type { Tools } from "./tool.ts";

export const configTools: Tools = {
  "config-get": {
    usage: "[options] [<key>]",
    purpose: "get the configuration of the application",
    flags: { all: "boolean", a: { alias: "all" } },
    format: "smart",
    most: 1,
    run: ({ view, args: [key], isSet }) => {
      if (key !== undefined && key !== "") {
        if (isSet("all"))
          throw new ToolFailure(`cannot use argument --all together with key ${JSON.stringify(key)}`, 2);
        return own(view.config, key)?.value ?? null;
      }
      const values: Record<string, unknown> = {};
      for (const [name, { value }] of Object.entries(view.config))
        if (value !== undefined || isSet("all")) put(values, name, value ?? null);
      return values;
    },
  },
};
