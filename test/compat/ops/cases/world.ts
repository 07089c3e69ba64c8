import type { State } from "../../../../lib/src/testing/state.ts";
import type { Op } from "../charm/src/charm.ts";
import type { Case, Hook } from "../twins.ts";

export const remoteSecret = "remotesecret00000000";
export const appSecret = "appsecret00000000000";
export const unitSecret = "unitsecret0000000000";

/** One of everything, led by this unit. */
export const world: State = {
  app: "twin",
  leader: true,
  config: { greeting: "grüß 'Gott'\n\"$HOME\"" },
  relations: [
    {
      endpoint: "db",
      id: 3,
      app: "pg",
      units: { "pg/0": { host: "10.0.0.1", port: "5432" }, "pg/1": {} },
      appData: { version: "16" },
      ownUnitData: { asked: "yes", old: "1" },
    },
    { endpoint: "db", id: 7, app: "other", units: { "other/4": { host: "10.0.0.9" } } },
    { endpoint: "peers", id: 0, units: { "twin/1": { ready: "true" } }, appData: { term: "1" } },
  ],
  secrets: [
    { id: remoteSecret, content: { password: "old" }, latest: { password: "new" } },
    {
      id: appSecret,
      owner: "application",
      label: "mine",
      content: { token: "abc" },
      revision: 2,
      obsolete: [1],
    },
    { id: unitSecret, owner: "unit", label: "own", content: { token: "def" } },
  ],
  resources: { package: "/srv/package.tar" },
  status: "waiting: for a friend",
  openPorts: ["80/tcp"],
  plannedUnits: 2,
};
export const follower: State = { ...world, leader: false };

/** A case of one hook: its event is what its script is for. */
export function one(
  title: string,
  event: Hook["event"],
  ops: readonly Op[],
  {
    given = world,
    exit = 0,
    differs,
    ...hook
  }: { given?: State; exit?: number; differs?: string } & Partial<Omit<Hook, "event" | "script">> = {},
): Case {
  const hooks = [{ event, script: { [observed(event)]: ops }, ...hook }];
  return { title, given, hooks, exits: [exit], ...(differs === undefined ? {} : { differs }) };
}

/** The name under which the event is observed. */
export function observed(event: Hook["event"]): string {
  if (typeof event === "string") return event;
  return "action" in event ? `${event.action}-action` : event.hook;
}
