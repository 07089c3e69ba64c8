import type { HookInfo } from "./state.ts";

const relationKinds = ["created", "joined", "changed", "departed", "broken"] as const;
const endings = relationKinds.map((kind) => `-relation-${kind}`);
export type RelationHookKind = (typeof relationKinds)[number];

/** Which of the five hooks of a relation this is; undefined for all other hooks. */
export function relationKind(hook: HookInfo): RelationHookKind | undefined {
  if (hook.relationId === undefined) return undefined;
  return relationKinds.find((_, n) => hook.name.endsWith(endings[n]!));
}

/** `db-relation-changed` → `db` */
export const endpointOf = (hook: HookInfo): string => hook.name.replace(/-relation-[a-z]+$/, "");

/** Hooks of a secret's owner: for an application's secret only its leader runs them. */
export const isOwnerSecretHook = ({ name }: HookInfo): boolean =>
  name === "secret-rotate" || name === "secret-expired" || name === "secret-remove";
