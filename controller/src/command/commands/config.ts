/** `config` and `model-config`: shown, one value printed, set, or set back. */
import type { ConfigValue } from "@cantrip/model";
import type { WireSetting } from "../../facades/application/settings.ts";
import type { Run } from "../catalogue.ts";
import { first, type Context, type ModelConnection } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { emit } from "../output.ts";
import { settingsFile, settingsYaml } from "../settings.ts";
import { table } from "../table.ts";
import { readYamlFile, separated, settingArguments } from "../values.ts";

interface Request {
  readonly set: string[];
  readonly reset: string[];
  readonly key?: string;
}

/** `key` alone is a question, `key=value` a change. */
function requestOf(values: string[], { options }: Context): Request {
  const set = values.filter((value) => value.includes("="));
  const keys = values.filter((value) => !value.includes("="));
  const reset = separated(options["reset"]);
  const isChange = set.length > 0 || reset.length > 0 || options["file"] !== undefined;
  if (keys.length > 1) throw new UsageError("can only retrieve a single value, or all values");
  if (keys.length > 0 && isChange) throw new UsageError("cannot set and retrieve values simultaneously");
  const twice = set.map((value) => value.split("=")[0] ?? "").find((key) => reset.includes(key));
  if (twice !== undefined)
    throw new UsageError(`key "${twice}" cannot be both set and reset in the same command`);
  return { set, reset, ...(keys[0] === undefined ? {} : { key: keys[0] }) };
}

interface ApplicationConfig {
  application: string;
  charm: string;
  config: Record<string, WireSetting>;
  "application-config": Record<string, WireSetting>;
}

export const config: Run = async (context, [application = "", ...values]) => {
  const request = requestOf(values, context);
  const { io, options } = context;
  const typed =
    options["file"] === undefined ? {} : settingsFile(String(options["file"]), application, io.cwd);
  const named = settingArguments(request.set, io.cwd);
  const model = await context.model();
  const answer = await model.api.call<ApplicationConfig>("Application", "Get", { application });
  refuseUnknown(answer, [...Object.keys(named), ...Object.keys(typed), ...request.reset]);
  if (Object.keys({ ...named, ...typed }).length > 0) await setConfig(model, application, named, typed);
  if (request.reset.length > 0) await resetConfig(model, application, request.reset);
  const isChange = request.set.length > 0 || request.reset.length > 0 || options["file"] !== undefined;
  if (!isChange) showConfig(context, answer, request.key);
};

/** Before anything is changed. */
function refuseUnknown(
  { config: known, "application-config": more }: ApplicationConfig,
  keys: string[],
): void {
  const unknown = keys.filter((key) => !Object.hasOwn(known, key) && !Object.hasOwn(more, key));
  if (unknown.length > 0) throw new CommandError(unknown.map((key) => `unknown option "${key}"`).join(", "));
}

async function setConfig(
  { api }: ModelConnection,
  application: string,
  named: object,
  typed: Record<string, unknown>,
): Promise<void> {
  const request = {
    application,
    generation: "",
    config: named,
    "config-yaml": settingsYaml(application, typed),
  };
  first(await api.call("Application", "SetConfigs", { Args: [request] }));
}

async function resetConfig({ api }: ModelConnection, application: string, reset: string[]): Promise<void> {
  first(
    await api.call("Application", "UnsetApplicationsConfig", {
      Args: [{ application, branch: "", options: reset }],
    }),
  );
}

function showConfig({ io, options }: Context, answer: ApplicationConfig, key: string | undefined): void {
  const { application, charm, config: settings, "application-config": ofApplication } = answer;
  if (key === undefined)
    return emit(io, options, { application, "application-config": ofApplication, charm, settings });
  const all = { ...ofApplication, ...settings };
  if (!Object.hasOwn(all, key))
    throw new CommandError(`key "${key}" not found in "${application}" application config or charm settings`);
  printValue(io.out, all[key]?.value);
}

function printValue(out: (text: string) => void, value: ConfigValue | undefined): void {
  const text = value === undefined ? "" : String(value);
  out(text.endsWith("\n") ? text : `${text}\n`);
}

type ModelSettings = Record<string, { value: ConfigValue; source: string }>;

export const modelConfig: Run = async (context, values) => {
  const request = requestOf(values, context);
  const { io, options } = context;
  const fromFile =
    options["file"] === undefined
      ? {}
      : (readYamlFile(String(options["file"]), io.cwd, "config file") as object);
  const set = { ...fromFile, ...settingArguments(request.set, io.cwd) };
  const { api } = await context.model();
  if (Object.keys(set).length > 0) await api.call("ModelConfig", "ModelSet", { config: set });
  if (request.reset.length > 0) await api.call("ModelConfig", "ModelUnset", { keys: request.reset });
  if (Object.keys(set).length > 0 || request.reset.length > 0) return;
  const { config: settings } = await api.call<{ config: ModelSettings }>("ModelConfig", "ModelGet");
  showModelConfig(context, settings, request.key);
};

function showModelConfig({ io, options }: Context, settings: ModelSettings, key: string | undefined): void {
  if (key !== undefined) {
    if (!Object.hasOwn(settings, key)) throw new CommandError(`key "${key}" not found in model config`);
    return printValue(io.out, settings[key]?.value);
  }
  const shown = Object.entries(settings).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const document = Object.fromEntries(
    shown.map(([name, { value, source }]) => [name, { Value: value, Source: source }]),
  );
  emit(io, options, document, () =>
    table(
      ["Attribute", "From", "Value"],
      shown.map(([name, { value, source }]) => [
        name,
        source,
        typeof value === "string" ? value || '""' : String(value),
      ]),
    ),
  );
}
