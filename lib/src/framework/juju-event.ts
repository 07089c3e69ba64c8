import type { CharmDefinition } from "./definition.ts";
import type { DispatchContext } from "./context.ts";
import type { Framework } from "./framework.ts";
import { Secret } from "../model/secret.ts";
import { StorageInstance } from "../model/storage.ts";
import { actionEventName } from "./charm-events.ts";
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

/** The event of this dispatch; undefined if its hook came without what it is about. */
export async function jujuEvent(
  name: string,
  { context, model, tools }: Framework,
): Promise<HookEvent | undefined> {
  if (context.kind === "action") {
    const params = (await tools.actionParams()) ?? {};
    return new ActionEvent(name, { id: context.actionId ?? "", params, tools });
  }
  const relation = await model.eventRelation();
  if (relation !== undefined) {
    const { remoteApp, remoteUnit: unit, departingUnit } = context.relation ?? {};
    return new RelationEvent(name, { relation, app: relation.app ?? remoteApp, unit, departingUnit });
  }
  if (context.secret !== undefined) {
    const { id, label, revision } = context.secret;
    return new SecretEvent(name, new Secret(tools, { id, label }), revision);
  }
  if (context.storageId !== undefined)
    return new StorageEvent(name, new StorageInstance(tools, context.storageId));
  return new HookEvent(name);
}
