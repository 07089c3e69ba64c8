/** Units and applications: added, removed, resolved, exposed, trusted. */
import type { Run } from "../catalogue.ts";
import { first, type Context, type ErrorItem, type ModelConnection } from "../context.ts";
import { CommandError, Silent, UsageError } from "../errors.ts";
import { placements, wholeNumber } from "../values.ts";

export const addUnit: Run = async (context, [application = ""]) => {
  const count = wholeNumber(context.options["numUnits"], "--num-units", 1, 1);
  const { api, uuid } = await context.model();
  const placement = placements(context.options["to"], uuid);
  await api.call("Application", "AddUnits", { application, "num-units": count, placement });
};

const unitName = /^[a-z][a-z0-9-]*\/\d+$/;
const unitTag = (unit: string): string => `unit-${unit.replace("/", "-")}`;

interface Removal {
  /** `unit`, `application`: in messages */
  readonly kind: string;
  readonly method: string;
  readonly list: string;
  readonly request: (name: string) => object;
  /** what goes along, as the server says */
  readonly also: (info: Record<string, unknown>) => string[];
}

const unitRemoval: Removal = {
  kind: "unit",
  method: "DestroyUnit",
  list: "units",
  request: (unit) => ({ "unit-tag": unitTag(unit) }),
  also: () => [],
};
const applicationRemoval: Removal = {
  kind: "application",
  method: "DestroyApplication",
  list: "applications",
  request: (application) => ({ "application-tag": `application-${application}` }),
  also: (info) =>
    ((info["destroyed-units"] as { tag: string }[] | undefined) ?? []).map(
      ({ tag }) => `- will remove unit ${tag.replace(/^unit-/, "").replace(/-(\d+)$/, "/$1")}`,
    ),
};

export const removeUnit: Run = async (context, units) => {
  const wrong = units.find((unit) => !unitName.test(unit));
  if (wrong !== undefined) throw new UsageError(`invalid unit name "${wrong}": expected APPLICATION/NUMBER`);
  await remove(context, unitRemoval, units);
};

export const removeApplication: Run = (context, applications) =>
  remove(context, applicationRemoval, applications);

async function remove(context: Context, removal: Removal, names: string[]): Promise<void> {
  const model = await context.model();
  if (await context.asksBeforeRemoval(model)) {
    report(context, removal, names, await destroy(model, removal, names, { "dry-run": true }));
    await context.confirm();
  }
  const options = {
    force: context.options["force"] === true,
    "destroy-storage": context.options["destroyStorage"] === true,
  };
  const isDryRun = context.options["dryRun"] === true;
  const results = await destroy(model, removal, names, { ...options, "dry-run": isDryRun });
  if (!report(context, removal, names, results)) throw new Silent(1);
}

type Result = ErrorItem & { info?: Record<string, unknown> };

async function destroy(
  { api }: ModelConnection,
  removal: Removal,
  names: string[],
  options: object,
): Promise<Result[]> {
  const list = names.map((name) => ({ ...removal.request(name), ...options }));
  const { results } = await api.call<{ results: Result[] }>("Application", removal.method, {
    [removal.list]: list,
  });
  return results;
}

/** @returns whether all of it went well */
function report({ io }: Context, { kind, also }: Removal, names: string[], results: Result[]): boolean {
  names.forEach((name, index) => {
    const { error, info = {} } = results[index] ?? {};
    if (error) return io.err(`ERROR removing ${kind} ${name} failed: ${error.message}\n`);
    io.out([`will remove ${kind} ${name}`, ...also(info)].map((line) => `${line}\n`).join(""));
  });
  return results.every(({ error }) => !error);
}

export const resolved: Run = async (context, units) => {
  const all = context.options["all"] === true;
  if (all === units.length > 0)
    throw new UsageError(all ? "specifying unit names(s) with --all makes no sense" : "no unit specified");
  const wrong = units.find((unit) => !unitName.test(unit));
  if (wrong !== undefined) throw new UsageError(`invalid unit name "${wrong}": expected APPLICATION/NUMBER`);
  const { api } = await context.model();
  const { results } = await api.call<{ results: ErrorItem[] }>("Application", "ResolveUnitErrors", {
    all,
    retry: context.options["retry"] !== false,
    tags: { entities: units.map((unit) => ({ tag: unitTag(unit) })) },
  });
  const errors = results.flatMap(({ error }) => (error ? [error.message] : []));
  if (errors.length > 0) throw new CommandError(errors.join("\nERROR "));
};

export const expose: Run = async (context, [application = ""]) => {
  const { api } = await context.model();
  await api.call("Application", "Expose", { application, "exposed-endpoints": null });
};

export const unexpose: Run = async (context, [application = ""]) => {
  const { api } = await context.model();
  await api.call("Application", "Unexpose", { application, "exposed-endpoints": [] });
};

/** An option of the application that is none of its charm's. */
export const trust: Run = async (context, [application = ""]) => {
  const { api } = await context.model();
  const config = { trust: context.options["remove"] === true ? "false" : "true" };
  first(
    await api.call("Application", "SetConfigs", {
      Args: [{ application, generation: "", config, "config-yaml": "" }],
    }),
  );
};
