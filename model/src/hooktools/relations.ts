import { isApplicationName, isUnitName } from "@cantrip/metadata";
import type { RelationView } from "../hook-view.ts";
import { own, put } from "../records.ts";
import { parsePairs } from "./flags.ts";
import { isLeader } from "./leadership.ts";
import { fileMap, overlaid } from "./maps.ts";
import { ToolFailure, misuse } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

const relationFlag = { r: "text", relation: { alias: "r" } } as const;

export const relationTools: Tools = {
  "relation-ids": {
    usage: "[options] <name>",
    purpose: "list all relation ids of an endpoint",
    format: "smart",
    most: 1,
    run: relationIds,
  },
  "relation-list": {
    usage: "[options]",
    purpose: "list the units of a relation, or name the application on its other side",
    flags: { ...relationFlag, app: "boolean" },
    format: "smart",
    most: 0,
    run: (call) => {
      const { remoteApplication, members } = chosenRelation(call);
      return call.isSet("app") ? remoteApplication : members;
    },
  },
  "relation-get": {
    usage: "[options] <key> <unit or application>",
    purpose: "get settings of a unit or an application from a relation",
    flags: { ...relationFlag, app: "boolean" },
    format: "smart",
    most: 2,
    run: relationGet,
  },
  "relation-set": {
    usage: "[options] key=value [key=value ...]",
    purpose: "set settings of this unit, or of its application, in a relation",
    flags: { ...relationFlag, app: "boolean", file: "text", format: "text" },
    run: relationSet,
  },
  "relation-model-get": {
    usage: "[options]",
    purpose: "tell which model the other side of a relation is in",
    flags: relationFlag,
    format: "smart",
    most: 0,
    run: (call) => ({ uuid: chosenRelation(call).remoteModelUuid }),
  },
};

function relationIds({ view, args }: Call): string[] {
  const [given] = args;
  const ownRelation = view.hook?.relationId === undefined ? undefined : view.relations[view.hook.relationId];
  const endpoint = given ?? ownRelation?.endpoint;
  if (endpoint === undefined) throw misuse("no endpoint name specified");
  return Object.values(view.relations)
    .filter((relation) => relation.endpoint === endpoint && !isBroken(relation))
    .map(({ id }) => `${endpoint}:${id}`)
    .sort();
}

/** Juju hides a relation from this list as soon as nobody is left in it, though it can still be read. */
const isBroken = ({ peer, dying, members }: RelationView): boolean => !peer && dying && members.length === 0;

/** The relation of `-r`, else the hook's own. @throws ToolFailure */
export function chosenRelation(call: Call): RelationView {
  return relationNamed(call, call.text("r"));
}

function relationNamed({ view }: Call, given: string | undefined): RelationView {
  if (given === undefined) {
    const relation = view.hook?.relationId === undefined ? undefined : view.relations[view.hook.relationId];
    if (!relation) throw misuse("no relation id specified");
    return relation;
  }
  const at = given.lastIndexOf(":");
  const number = given.slice(at + 1);
  const wrong = (why: string) => misuse(`invalid value ${JSON.stringify(given)} for option -r: ${why}`);
  if (!/^\d{1,9}$/.test(number)) throw wrong("invalid relation id");
  const relation = own(view.relations, Number(number));
  if (!relation || (at >= 0 && given.slice(0, at) !== relation.endpoint)) throw wrong("relation not found");
  return relation;
}

function relationGet(call: Call): unknown {
  const relation = chosenRelation(call);
  const [key = "-", given] = call.args;
  const entity = entityOf(call, given);
  const settings = settingsOf(call, relation, entity);
  return key === "-" || key === "" ? settings : (own(settings, key) ?? null);
}

function entityOf({ view, isSet }: Call, given: string | undefined): string {
  const isApplication = isSet("app");
  if (given === undefined || given === "") {
    const { remoteUnit, remoteApplication } = view.hook ?? {};
    const fallback = isApplication ? remoteApplication : (remoteUnit ?? remoteApplication);
    if (fallback === undefined) throw misuse("no unit or application specified");
    return fallback;
  }
  if (isUnitName(given)) return isApplication ? given.slice(0, given.indexOf("/")) : given;
  if (isApplicationName(given) && isApplication) return given;
  if (isApplicationName(given))
    throw misuse(`expected unit name, got application name ${JSON.stringify(given)}`);
  throw misuse(`invalid ${isApplication ? "application" : "unit"} name ${JSON.stringify(given)}`);
}

function settingsOf({ view, buffer }: Call, relation: RelationView, entity: string): Record<string, string> {
  const bag = own(relation.bags, entity);
  if (!bag) throw new ToolFailure("permission denied");
  const pending = own(buffer.changes.relations, relation.id);
  if (entity === view.unit) return overlaid(bag, pending?.unit ?? {});
  if (entity === view.application) return overlaid(bag, pending?.application ?? {});
  return { ...bag };
}

async function relationSet(call: Call): Promise<void> {
  const relation = chosenRelation(call);
  const pairs = parsePairs(call.args);
  const writes = { ...(await fileMap(call, call.text("file"))), ...pairs };
  if (Object.hasOwn(writes, "")) throw new ToolFailure('expected "key=value", got an empty key');
  const isApplication = call.isSet("app");
  if (isApplication && !(await isLeader(call))) throw new ToolFailure("cannot write relation settings");
  const { relations } = call.buffer.changes;
  const pending = relations[relation.id] ?? {};
  relations[relation.id] = pending;
  const bag = isApplication ? (pending.application ??= {}) : (pending.unit ??= {});
  for (const [key, value] of Object.entries(writes)) put(bag, key, value);
}
