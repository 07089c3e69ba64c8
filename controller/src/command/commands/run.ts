/** `run UNIT... ACTION [KEY=VALUE...]` */
import { readYaml } from "@cantrip/metadata";
import type { Run } from "../catalogue.ts";
import type { Context } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { reportOutcome, type Enqueued } from "../outcome.ts";
import { parseDuration } from "../times.ts";
import { keyValue, readYamlFile } from "../values.ts";

const receiver = /^[a-z][a-z0-9-]*\/(?:\d+|leader)$/;

export const run: Run = async (context, words) => {
  const { units, action, values } = parsed(words);
  const timeoutMs = parseDuration(String(context.options["wait"] ?? "60s"), "--wait");
  const parameters = parametersOf(context, values);
  const model = await context.model();
  const enqueued = await model.api.call<Enqueued>("Action", "EnqueueOperation", {
    actions: units.map((unit) => ({ receiver: receiverTag(unit), name: action, parameters })),
  });
  await reportOutcome(context, model, enqueued, { timeoutMs });
};

const receiverTag = (unit: string): string =>
  unit.endsWith("/leader") ? unit : `unit-${unit.replace("/", "-")}`;

function parsed(words: string[]): { units: string[]; action: string; values: string[] } {
  const count = words.findIndex((word) => !receiver.test(word));
  const units = count === -1 ? words : words.slice(0, count);
  if (units.length === 0)
    throw new UsageError(
      `invalid unit name "${words[0] ?? ""}": expected APPLICATION/NUMBER or APPLICATION/leader`,
    );
  const [action, ...values] = words.slice(units.length);
  if (action === undefined) throw new UsageError("no action specified");
  if (!/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(action))
    throw new UsageError(`invalid unit or action name "${action}"`);
  return { units, action, values };
}

/** Arguments override the file; `a.b=1` nests; values are YAML unless --string-args says otherwise. */
function parametersOf({ io, options }: Context, values: string[]): Record<string, unknown> {
  const fromFile =
    options["params"] === undefined ? {} : readYamlFile(String(options["params"]), io.cwd, "parameters");
  if (typeof fromFile !== "object" || fromFile === null || Array.isArray(fromFile))
    throw new CommandError(
      `cannot use "${String(options["params"])}" as parameters: expected values by name`,
    );
  const parameters = structuredClone(fromFile) as Record<string, unknown>;
  for (const text of values) {
    const [key, value] = keyValue(text);
    put(parameters, key.split("."), options["stringArgs"] === true ? value : parseYaml(key, value));
  }
  return parameters;
}

function parseYaml(key: string, value: string): unknown {
  try {
    return readYaml(`the value of "${key}"`, value);
  } catch (cause) {
    throw new UsageError((cause as Error).message);
  }
}

function put(target: Record<string, unknown>, [key = "", ...rest]: string[], value: unknown): void {
  if (!/^[a-z0-9](?:[a-zA-Z0-9_-]*)$/.test(key))
    throw new UsageError(
      `key "${key}" must start with a lower-case letter or digit, and contain letters, digits, hyphens and underscores`,
    );
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const inner = target[key];
  const next =
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? (inner as Record<string, unknown>)
      : {};
  target[key] = next;
  put(next, rest, value);
}
