import { Findings, MetadataError } from "../errors.ts";
import type { Action } from "../generated/actions.ts";
import { validate } from "../generated/actions.validator.js";
import { isActionName, parseActionName } from "../names.ts";
import type { ActionName } from "../names.ts";
import { shaped } from "./shape.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface ActionDefinition {
  readonly name: ActionName;
  readonly description: string;
  /** Runs beside hooks and other actions. */
  readonly parallel: boolean;
  /** Actions of one group run one at a time; empty: no group. */
  readonly executionGroup: string;
  /** The schema of its parameters, as Juju wraps it (draft 4, an object). */
  readonly params: JsonSchema;
}

/** The actions of a charm, in the order of the file. */
export interface CharmActions {
  readonly actions: readonly ActionDefinition[];
}

const file = "actions.yaml";

/**
 * @param raw the value of an actions.yaml
 * @throws MetadataError
 */
export function charmActionsOf(raw: unknown): CharmActions {
  const given = raw === null ? {} : shaped(file, raw, validate);
  const findings = new Findings(file);
  const actions = findings.each(Object.entries(given), ([name, action]) => actionOf(name, action));
  findings.settle();
  return { actions };
}

function actionOf(name: string, given: Action): ActionDefinition {
  if (name === "juju" || name.startsWith("juju-"))
    throw new MetadataError(file, `cannot use action name ${name}: "juju" is a reserved name`, { key: name });
  if (!isActionName(name)) throw new MetadataError(file, reasonOf(name), { key: name });
  refuseReferences(name, given);
  const {
    description = "No description",
    params,
    parallel = false,
    "execution-group": executionGroup = "",
    ...rest
  } = given;
  const properties = params ?? {};
  return {
    name,
    description,
    parallel,
    executionGroup,
    params: { type: "object", title: name, description, properties, ...rest },
  };
}

function reasonOf(name: string): string {
  try {
    return parseActionName(name);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Juju accepts no schema that points outside itself. */
function refuseReferences(name: string, schema: unknown, depth = 0): void {
  if (typeof schema !== "object" || schema === null) return;
  if (depth > 64) throw new MetadataError(file, "nested too deep", { key: name });
  for (const [key, value] of Object.entries(schema)) {
    if (key === "$ref" || key === "$schema")
      throw new MetadataError(file, `schema key "${key}" not compatible with this version of juju`, {
        key: name,
      });
    refuseReferences(name, value, depth + 1);
  }
}
