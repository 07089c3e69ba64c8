/** ModelConfig: settings of a model, and the constraints of its future machines. */
import { modelDefaults, type ConfigValue } from "@cantrip/model";
import { ApiError, defineFacade, type Connection, type FacadeMethod } from "../facade.ts";
import { record, texts } from "./params.ts";
import { sourceOf, modelOf } from "./values.ts";

/** Those that clients ask for by name beside the model's own. */
const defaults: Record<string, ConfigValue> = { ...modelDefaults, "charmhub-url": "" };
const fixed = new Set(["name", "uuid", "type", "agent-version"]);

const ModelGet: FacadeMethod = (connection) => {
  const { state } = modelOf(connection);
  const { version } = connection.controller;
  const identity = { name: state.name, uuid: state.uuid, type: "manual", "agent-version": version };
  const entry = (source: string) => (value: ConfigValue) => ({ value, source });
  return {
    config: {
      ...mapped(defaults, entry("default")),
      ...mapped(state.config, entry("model")),
      ...mapped(identity, entry("model")),
    },
  };
};

function mapped<Value, Result>(
  values: Record<string, Value>,
  make: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, make(value)]));
}

const ModelSet: FacadeMethod = async (connection, params) => {
  const values = Object.fromEntries(
    Object.entries(record(params, "config")).map(([key, value]) => [key, checked(key, value)]),
  );
  await change(connection, values, []);
};

function checked(key: string, value: unknown): ConfigValue {
  if (fixed.has(key)) throw new ApiError("bad request", `cannot set immutable field "${key}"`);
  const isScalar = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  if (!isScalar)
    throw new ApiError("bad request", `model config "${key}": expected a string, a number or a boolean`);
  if (typeof defaults[key] !== "boolean" || typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  throw new ApiError(
    "bad request",
    `model config "${key}": expected true or false, got ${JSON.stringify(value)}`,
  );
}

const ModelUnset: FacadeMethod = (connection, params) => change(connection, {}, texts(params, "keys"));

async function change(
  connection: Connection,
  values: Record<string, ConfigValue>,
  reset: string[],
): Promise<void> {
  await modelOf(connection).execute({ type: "set-model-config", values, reset }, sourceOf(connection));
}

const SetModelConstraints: FacadeMethod = async (connection, params) => {
  const constraints = record(params, "constraints");
  await modelOf(connection).execute({ type: "set-constraints", constraints }, sourceOf(connection));
};

/** The next numbers, for plans of bundles. */
const Sequences: FacadeMethod = (connection) => {
  const { applications, counters } = modelOf(connection).state;
  const units = Object.values(applications).map(
    ({ name, nextUnit }) => [`application-${name}`, nextUnit] as const,
  );
  return { sequences: { ...Object.fromEntries(units), machine: counters.machine } };
};

defineFacade({
  name: "ModelConfig",
  versions: [3],
  on: "model",
  methods: {
    GetModelConstraints: (connection) => ({ constraints: modelOf(connection).state.constraints }),
    ModelGet,
    ModelSet,
    ModelUnset,
    Sequences,
    SetModelConstraints,
  },
});
