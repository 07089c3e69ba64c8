import { own } from "../records.ts";
import { parsePairs } from "./flags.ts";
import { overlaid } from "./maps.ts";
import { ToolFailure } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

/** A true answer is good for a while; a false one for the rest of the hook. */
export async function isLeader({ buffer, effects }: Call): Promise<boolean> {
  if (buffer.told?.notLeader) return false;
  const leads = await effects.isLeader();
  if (!leads) buffer.told = { ...buffer.told, notLeader: true };
  return leads;
}

export const leadershipTools: Tools = {
  "is-leader": {
    usage: "[options]",
    purpose: "tell whether this unit leads its application",
    format: "smart",
    most: 0,
    run: isLeader,
  },
  "leader-get": {
    usage: "[options] [<key>]",
    purpose: "get the leader's settings",
    format: "smart",
    most: 1,
    run: ({ view, buffer, args: [key = "-"] }) => {
      const settings = overlaid(view.leaderSettings, buffer.told?.leaderSettings ?? {});
      return key === "-" || key === "" ? settings : (own(settings, key) ?? null);
    },
  },
  "leader-set": {
    usage: "<key>=<value> [...]",
    purpose: "set the leader's settings",
    run: async (call) => {
      const settings = parsePairs(call.args);
      const { effects, buffer } = call;
      if (!(await isLeader(call)))
        throw new ToolFailure("cannot write leadership settings: cannot write settings: not the leader");
      if (!effects.setLeaderSettings)
        throw new ToolFailure("cannot write leadership settings: not supported here");
      await effects.setLeaderSettings(settings);
      buffer.told = { ...buffer.told, leaderSettings: { ...buffer.told?.leaderSettings, ...settings } };
    },
  },
};
