import { put } from "../records.ts";
import type { HookView } from "../hook-view.ts";
import type { Status } from "../state.ts";
import { worstStatus } from "../view/display.ts";
import { isLeader } from "./leadership.ts";
import { ToolFailure, misuse } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

const settable: readonly string[] = ["maintenance", "blocked", "waiting", "active"];

export const statusTools: Tools = {
  "status-get": {
    usage: "[options]",
    purpose: "get the status of this unit or of its application",
    flags: { "include-data": "boolean", application: "boolean" },
    format: "smart",
    most: 0,
    run: (call) => (call.isSet("application") ? applicationStatus(call) : unitStatus(call)),
  },
  "status-set": {
    usage: "[options] <maintenance | blocked | waiting | active> [message]",
    purpose: "set the status of this unit or of its application",
    flags: { application: "boolean" },
    most: 2,
    run: statusSet,
  },
  "application-version-set": {
    usage: "<new-version>",
    purpose: "tell which version of the workload runs",
    most: 1,
    run: async ({ args: [version], effects }) => {
      if (version === undefined || version === "") throw misuse("no version specified");
      await effects.setWorkloadVersion(version);
    },
  },
  "goal-state": {
    usage: "[options]",
    purpose: "tell which units and relations are planned",
    format: "yaml",
    most: 0,
    run: ({ view }) => ({
      units: goals(view.goalState.units),
      relations: mapped(view.goalState.relations, goals),
    }),
  },
};

interface Shown {
  readonly status: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

const details = ({ status, message, data = {} }: Shown) => ({ status, message, "status-data": data });

function unitStatus({ view, buffer, isSet, format }: Call): unknown {
  const status: Shown = buffer.told?.unitStatus ?? view.unitStatus;
  if (isSet("include-data")) return details(status);
  return format === "smart" ? status.status : { status: status.status };
}

async function applicationStatus(call: Call): Promise<unknown> {
  const { view, buffer, isSet, format } = call;
  if (!(await isLeader(call)))
    throw new ToolFailure("finding application status: this unit is not the leader");
  const status: Shown = buffer.told?.applicationStatus ?? view.applicationStatus ?? derived(view);
  if (!isSet("include-data"))
    return format === "smart" ? status.status : { "application-status": { status: status.status } };
  const own = buffer.told?.unitStatus;
  const units = mapped<Shown, unknown>({ ...view.units, ...(own ? { [view.unit]: own } : {}) }, details);
  return { "application-status": { ...details(status), units } };
}

const derived = ({ units }: HookView): Status => worstStatus(Object.values(units), 0);

async function statusSet(call: Call): Promise<void> {
  const { args, effects, buffer, isSet } = call;
  const [status, message = ""] = args;
  if (status === undefined) throw misuse("invalid args, require <status> [message]");
  if (!settable.includes(status))
    throw misuse(`invalid status ${JSON.stringify(status)}, expected one of [${settable.join(" ")}]`);
  const application = isSet("application");
  if (application && !(await isLeader(call)))
    throw new ToolFailure("setting application status: this unit is not the leader");
  await effects.setStatus({ application, status, message });
  const key = application ? "applicationStatus" : "unitStatus";
  buffer.told = { ...buffer.told, [key]: { status, message } };
}

function mapped<From, To>(
  record: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Record<string, To> {
  const result: Record<string, To> = {};
  for (const [key, value] of Object.entries(record)) put(result, key, change(value));
  return result;
}

const goals = (record: Readonly<Record<string, { status: string; since: number }>>) =>
  mapped(record, ({ status, since }) => ({ status, since: goalTime(since) }));

/** `2025-06-09 01:02:03Z` */
const goalTime = (at: number): string =>
  new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
