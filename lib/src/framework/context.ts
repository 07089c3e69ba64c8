import { join } from "node:path";
import { type Environment, Variables, grammars, relationOf } from "./environment.ts";

/** What Juju says about this dispatch in the environment. */
export interface DispatchContext {
  readonly charmDir: string;
  readonly unit: string;
  readonly app: string;
  readonly modelName: string;
  readonly modelUuid: string;
  readonly jujuVersion: string;
  readonly machineId: string;
  readonly principalUnit: string | undefined;
  readonly availabilityZone: string | undefined;
  /** `hooks/NAME` or `actions/NAME`. */
  readonly dispatchPath: string;
  readonly kind: "hook" | "action";
  /** The name of the hook or action, with its dashes. */
  readonly name: string;
  readonly relation: RelationContext | undefined;
  readonly secret:
    | { readonly id: string; readonly label: string | undefined; readonly revision: number | undefined }
    | undefined;
  readonly storageId: string | undefined;
  readonly actionId: string | undefined;
}

/** The relation that this dispatch is about, as the environment names it. */
export interface RelationContext {
  readonly name: string;
  readonly id: number;
  readonly remoteApp: string | undefined;
  readonly remoteUnit: string | undefined;
  readonly departingUnit: string | undefined;
}

/**
 * The context from the variables that the agent sets.
 * @throws NotADispatch
 */
export function contextFrom(env: Environment): DispatchContext {
  const variables = new Variables(env);
  const dispatchPath = variables.must("JUJU_DISPATCH_PATH", grammars.dispatchPath);
  const kind = dispatchPath.startsWith("actions/") ? "action" : "hook";
  const unit = variables.must("JUJU_UNIT_NAME", grammars.unit);
  return {
    charmDir: variables.must("JUJU_CHARM_DIR", grammars.path),
    unit,
    app: unit.slice(0, unit.indexOf("/")),
    modelName: variables.must("JUJU_MODEL_NAME", grammars.model),
    modelUuid: variables.must("JUJU_MODEL_UUID", grammars.uuid),
    jujuVersion: variables.must("JUJU_VERSION", grammars.version),
    machineId: variables.may("JUJU_MACHINE_ID", grammars.machine) ?? "",
    principalUnit: variables.may("JUJU_PRINCIPAL_UNIT", grammars.unit),
    availabilityZone: variables.may("JUJU_AVAILABILITY_ZONE"),
    dispatchPath,
    kind,
    name: dispatchPath.slice(dispatchPath.indexOf("/") + 1),
    relation: relationFrom(variables),
    secret: secretFrom(variables),
    storageId: variables.may("JUJU_STORAGE_ID", grammars.storage),
    actionId: kind === "action" ? variables.must("JUJU_ACTION_UUID", grammars.action) : undefined,
  };
}

function relationFrom(variables: Variables): RelationContext | undefined {
  const hasId = variables.may("JUJU_RELATION_ID") !== undefined;
  const name = variables[hasId ? "must" : "may"]("JUJU_RELATION", grammars.endpoint);
  if (name === undefined) return undefined;
  const key = variables.must("JUJU_RELATION_ID", relationOf(name));
  return {
    name,
    id: Number(key.slice(name.length + 1)),
    remoteApp: variables.may("JUJU_REMOTE_APP"),
    remoteUnit: variables.may("JUJU_REMOTE_UNIT", grammars.remoteUnit),
    departingUnit: variables.may("JUJU_DEPARTING_UNIT", grammars.remoteUnit),
  };
}

function secretFrom(variables: Variables): DispatchContext["secret"] {
  const id = variables.may("JUJU_SECRET_ID", grammars.secret);
  const revision = variables.may("JUJU_SECRET_REVISION", grammars.revision);
  if (id === undefined) return undefined;
  return {
    id,
    label: variables.may("JUJU_SECRET_LABEL"),
    revision: revision === undefined ? undefined : Number(revision),
  };
}

/** Where this framework keeps what outlives a dispatch. Juju never deletes it on an upgrade. */
export const stateFile = (charmDir: string): string => join(charmDir, ".unit-state.json");
