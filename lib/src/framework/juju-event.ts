import type { CharmDefinition } from "./definition.ts";
import type { DispatchContext } from "./context.ts";
import type { Framework } from "./framework.ts";
import { Secret } from "../model/secret.ts";
import { StorageInstance } from "../model/storage.ts";
import { actionEventName } from "./charm-events.ts";
import { NotADispatch } from "./environment.ts";
import { ActionEvent, HookEvent, RelationEvent, SecretEvent, StorageEvent } from "./events.ts";

const lifecycle = new Set([
  "install",
  "start",
  "config-changed",
  "update-status",
  "upgrade-charm",
  "leader-elected",
  "leader-settings-changed",
  "stop",
  "remove",
]);
const secretHooks = new Set(["secret-changed", "secret-rotate", "secret-expired", "secret-remove"]);

/** The name under which this dispatch's event is observed, or undefined if the charm defines no such event. */
export function eventName(
  { kind, name }: Pick<DispatchContext, "kind" | "name">,
  definition: CharmDefinition,
): string | undefined {
  const { metadata, actions } = definition;
  if (kind === "action")
    return actions.actions.some((action) => action.name === name) ? actionEventName(name) : undefined;
  if (lifecycle.has(name) || secretHooks.has(name)) return name;
  const relation = /^(.+)-relation-(?:created|joined|changed|departed|broken)$/.exec(name)?.[1];
  if (metadata.endpoints.some((endpoint) => endpoint.name === relation)) return name;
  const storage = /^(.+)-storage-(?:attached|detaching)$/.exec(name)?.[1];
  return metadata.storage.some((defined) => defined.name === storage) ? name : undefined;
}

/**
 * The event of this dispatch.
 * @throws NotADispatch if its hook came without what it is about
 */
export async function jujuEvent(name: string, { context, model, tools }: Framework): Promise<HookEvent> {
  if (context.kind === "action") {
    return new ActionEvent(name, { id: context.actionId ?? "", params: await tools.actionParams(), tools });
  }
  const endpoint = /^(.+)-relation-[a-z]+$/.exec(name)?.[1];
  if (endpoint !== undefined) {
    const relation = about(await model.eventRelation(), "JUJU_RELATION", name);
    if (relation.name !== endpoint) throw new NotADispatch("JUJU_RELATION", `"${endpoint}"`, relation.name);
    const { remoteApp, remoteUnit: unit, departingUnit } = context.relation ?? {};
    return new RelationEvent(name, { relation, app: relation.app ?? remoteApp, unit, departingUnit });
  }
  if (secretHooks.has(name)) {
    const { id, label, revision } = about(context.secret, "JUJU_SECRET_ID", name);
    return new SecretEvent(name, new Secret(tools, { id, label }), revision);
  }
  if (/-storage-[a-z]+$/.test(name)) {
    const id = about(context.storageId, "JUJU_STORAGE_ID", name);
    return new StorageEvent(name, new StorageInstance(tools, id));
  }
  return new HookEvent(name);
}

function about<Fact>(fact: Fact | undefined, variable: string, hook: string): Fact {
  if (fact === undefined) throw new NotADispatch(variable, `what "${hook}" is about`, undefined);
  return fact;
}
