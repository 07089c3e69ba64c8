import type { HookPaths } from "../contract.ts";
import { relationKind } from "../hook-kinds.ts";
import type { HookView } from "../hook-view.ts";
import { own } from "../records.ts";
import type { HookInfo } from "../state.ts";

/** The whole environment of a hook, an action or a command: nothing else is inherited. */
export function hookEnvironment(view: HookView, paths: HookPaths): Record<string, string> {
  const { hook, action } = view;
  return {
    CHARM_DIR: paths.charmDir,
    JUJU_CHARM_DIR: paths.charmDir,
    JUJU_CONTEXT_ID: paths.contextId,
    JUJU_AGENT_SOCKET_ADDRESS: paths.socket,
    JUJU_AGENT_SOCKET_NETWORK: "unix",
    JUJU_UNIT_NAME: view.unit,
    JUJU_MODEL_NAME: view.model.name,
    JUJU_MODEL_UUID: view.model.uuid,
    JUJU_HOOK_NAME: hook?.name ?? "",
    JUJU_DISPATCH_PATH: dispatchPath(view),
    JUJU_VERSION: paths.version,
    JUJU_API_ADDRESSES: paths.apiAddresses.join(" "),
    JUJU_MACHINE_ID: view.machine,
    JUJU_PRINCIPAL_UNIT: view.principal,
    JUJU_AVAILABILITY_ZONE: "",
    CLOUD_API_VERSION: "",
    JUJU_SLA: "unsupported",
    ...proxies(view),
    PATH: `${paths.toolsDir}:${paths.path}`,
    APT_LISTCHANGES_FRONTEND: "none",
    DEBIAN_FRONTEND: "noninteractive",
    LANG: "C.UTF-8",
    TERM: "tmux-256color",
    ...(hook ? ofRelation(view, hook) : {}),
    ...(hook ? ofSecret(hook) : {}),
    ...(hook ? ofStorage(view, hook) : {}),
    ...(action ? ofAction(action) : {}),
  };
}

function dispatchPath({ hook, action }: HookView): string {
  if (hook) return `hooks/${hook.name}`;
  return action && action.name !== "juju-exec" ? `actions/${action.name}` : "";
}

const proxyKeys = ["http-proxy", "https-proxy", "ftp-proxy", "no-proxy"] as const;
const variableOf = (key: string): string => key.toUpperCase().replaceAll("-", "_");

function proxies({ settings }: HookView): Record<string, string> {
  const variables: Record<string, string> = {};
  const value = (key: string): string => own(settings, key) ?? "";
  for (const key of proxyKeys) variables[`JUJU_CHARM_${variableOf(key)}`] = value(`juju-${key}`);
  // The old settings reach every process of the machine, if there is a proxy at all.
  if (proxyKeys.every((key) => key === "no-proxy" || value(key) === "")) return variables;
  for (const key of proxyKeys.filter((each) => value(each) !== "")) {
    variables[variableOf(key)] = value(key);
    variables[variableOf(key).toLowerCase()] = value(key);
  }
  return variables;
}

function ofRelation({ relations }: HookView, hook: HookInfo): Record<string, string> {
  const kind = relationKind(hook);
  if (kind === undefined || hook.relationId === undefined) return {};
  const endpoint = relations[hook.relationId]?.endpoint ?? hook.name.replace(/-relation-[a-z]+$/, "");
  return {
    JUJU_RELATION: endpoint,
    JUJU_RELATION_ID: `${endpoint}:${hook.relationId}`,
    JUJU_REMOTE_APP: hook.remoteApplication ?? "",
    JUJU_REMOTE_UNIT: hook.remoteUnit ?? "",
    ...(kind === "departed" ? { JUJU_DEPARTING_UNIT: hook.departingUnit ?? "" } : {}),
  };
}

function ofSecret({ name, secretId, secretLabel = "", secretRevision }: HookInfo): Record<string, string> {
  if (secretId === undefined) return {};
  const hasRevision = name === "secret-remove" || name === "secret-expired";
  return {
    JUJU_SECRET_ID: `secret:${secretId}`,
    JUJU_SECRET_LABEL: secretLabel,
    ...(hasRevision ? { JUJU_SECRET_REVISION: String(secretRevision ?? "") } : {}),
  };
}

function ofStorage({ storage = {} }: HookView, { storageId }: HookInfo): Record<string, string> {
  const instance = storageId === undefined ? undefined : own(storage, storageId);
  if (storageId === undefined || !instance) return {};
  return {
    JUJU_STORAGE_ID: storageId,
    JUJU_STORAGE_LOCATION: instance.location,
    JUJU_STORAGE_KIND: instance.kind,
  };
}

const ofAction = ({ name, taskId }: NonNullable<HookView["action"]>): Record<string, string> =>
  name === "juju-exec"
    ? {}
    : { JUJU_ACTION_NAME: name, JUJU_ACTION_UUID: taskId, JUJU_ACTION_TAG: `action-${taskId}` };
