import { join } from "node:path";

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

/** The program was started by something else than a unit agent. */
export class NotADispatch extends Error {
  override readonly name = "NotADispatch";

  /** @internal */
  constructor(variable: string) {
    super(
      `Cannot dispatch: ${variable} is not set; a charm's program is started by its unit agent, through "dispatch"`,
    );
  }
}

/**
 * The context from the variables that the agent sets.
 * @throws NotADispatch
 */
export function contextFrom(env: Readonly<Record<string, string | undefined>>): DispatchContext {
  const text = (name: string): string | undefined => env[name] || undefined;
  const must = (name: string): string => {
    const value = text(name);
    if (value === undefined) throw new NotADispatch(name);
    return value;
  };
  const dispatchPath = must("JUJU_DISPATCH_PATH");
  const unit = must("JUJU_UNIT_NAME");
  return {
    charmDir: text("JUJU_CHARM_DIR") ?? text("CHARM_DIR") ?? process.cwd(),
    unit,
    app: unit.slice(0, unit.lastIndexOf("/")),
    modelName: must("JUJU_MODEL_NAME"),
    modelUuid: must("JUJU_MODEL_UUID"),
    jujuVersion: text("JUJU_VERSION") ?? "0.0.0",
    machineId: text("JUJU_MACHINE_ID") ?? "",
    principalUnit: text("JUJU_PRINCIPAL_UNIT"),
    availabilityZone: text("JUJU_AVAILABILITY_ZONE"),
    dispatchPath,
    kind: dispatchPath.startsWith("actions/") ? "action" : "hook",
    name: dispatchPath.slice(dispatchPath.lastIndexOf("/") + 1),
    relation: relationFrom(text),
    secret: secretFrom(text),
    storageId: text("JUJU_STORAGE_ID"),
    actionId: text("JUJU_ACTION_UUID"),
  };
}

type Text = (name: string) => string | undefined;

function relationFrom(text: Text): RelationContext | undefined {
  const name = text("JUJU_RELATION");
  const id = Number(text("JUJU_RELATION_ID")?.split(":").at(-1));
  if (name === undefined || !Number.isSafeInteger(id)) return undefined;
  return {
    name,
    id,
    remoteApp: text("JUJU_REMOTE_APP"),
    remoteUnit: text("JUJU_REMOTE_UNIT"),
    departingUnit: text("JUJU_DEPARTING_UNIT"),
  };
}

function secretFrom(text: Text): DispatchContext["secret"] {
  const id = text("JUJU_SECRET_ID");
  const revision = text("JUJU_SECRET_REVISION");
  if (id === undefined) return undefined;
  return {
    id,
    label: text("JUJU_SECRET_LABEL"),
    revision: revision === undefined ? undefined : Number(revision),
  };
}

/** Where this framework keeps what outlives a dispatch. Juju never deletes it on an upgrade. */
export const stateFile = (charmDir: string): string => join(charmDir, ".unit-state.json");
