/** `show-unit` and `show-application`. */
import type { Run } from "../catalogue.ts";
import type { Context, ErrorItem, Options } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { emit } from "../output.ts";

interface UnitData {
  InScope: boolean;
  UnitData: Record<string, string>;
}
interface RelationData {
  "relation-id": number;
  endpoint: string;
  "related-endpoint": string;
  ApplicationData: Record<string, string>;
  "unit-relation-data": Record<string, UnitData>;
}
interface UnitResult {
  tag: string;
  "workload-version": string;
  machine: string;
  "opened-ports": string[];
  "public-address": string;
  charm: string;
  leader: boolean;
  life: string;
  "relation-data": RelationData[];
}

export const showUnit: Run = async (context, units) => {
  const wrong = units.find((unit) => !/^[a-z][a-z0-9-]*\/\d+$/.test(unit));
  if (wrong !== undefined) throw new UsageError(`invalid unit name "${wrong}": expected APPLICATION/NUMBER`);
  const { api } = await context.model();
  const entities = units.map((unit) => ({ tag: `unit-${unit.replace("/", "-")}` }));
  const { results } = await api.call<{ results: (ErrorItem & { result?: UnitResult })[] }>(
    "Application",
    "UnitsInfo",
    { entities },
  );
  const documents = units.map(
    (unit, index) => [unit, unitDocument(context, unit, found(results[index]))] as const,
  );
  emit(context.io, context.options, Object.fromEntries(documents));
};

function found<Result>(item: (ErrorItem & { result?: Result }) | undefined): Result {
  if (item?.result) return item.result;
  throw new CommandError(item?.error?.message ?? "the controller answered with no result");
}

function unitDocument(context: Context, name: string, unit: UnitResult): object {
  const { options } = context;
  const relations = unit["relation-data"].filter(
    ({ endpoint }) => options["endpoint"] === undefined || endpoint === options["endpoint"],
  );
  return {
    ...(unit["workload-version"] ? { "workload-version": unit["workload-version"] } : {}),
    machine: unit.machine,
    "opened-ports": unit["opened-ports"],
    "public-address": unit["public-address"],
    charm: unit.charm,
    leader: unit.leader,
    life: unit.life,
    ...(relations.length > 0
      ? { "relation-info": relations.map((relation) => relationDocument(options, name, relation)) }
      : {}),
  };
}

function relationDocument(options: Options, unit: string, relation: RelationData): object {
  const head = {
    "relation-id": relation["relation-id"],
    endpoint: relation.endpoint,
    "related-endpoint": relation["related-endpoint"],
    "application-data": relation.ApplicationData,
  };
  if (options["app"] === true) return head;
  const { [unit]: local, ...others } = relation["unit-relation-data"];
  const wanted = Object.entries(others).filter(
    ([name]) => options["relatedUnit"] === undefined || name === options["relatedUnit"],
  );
  const data = ({ InScope, UnitData: values }: UnitData): object => ({ "in-scope": InScope, data: values });
  return {
    ...head,
    ...(local ? { "local-unit": data(local) } : {}),
    ...(wanted.length > 0
      ? { "related-units": Object.fromEntries(wanted.map(([name, values]) => [name, data(values)])) }
      : {}),
  };
}

interface ApplicationResult {
  charm: string;
  base: { name: string; channel: string };
  channel: string;
  constraints: Record<string, unknown>;
  principal: boolean;
  exposed: boolean;
  remote: boolean;
  life: string;
  "endpoint-bindings": Record<string, string>;
}

export const showApplication: Run = async (context, names) => {
  const { api } = await context.model();
  const entities = names.map((name) => ({ tag: `application-${name}` }));
  const { results } = await api.call<{ results: (ErrorItem & { result?: ApplicationResult })[] }>(
    "Application",
    "ApplicationsInfo",
    { entities },
  );
  const documents = names.map((name, index) => [name, applicationDocument(found(results[index]))] as const);
  emit(context.io, context.options, Object.fromEntries(documents));
};

function applicationDocument({
  charm,
  base,
  channel,
  constraints,
  principal,
  exposed,
  remote,
  life,
  ...rest
}: ApplicationResult): object {
  return {
    charm,
    base: `${base.name}@${base.channel.replace(/\/stable$/, "")}`,
    ...(channel ? { channel } : {}),
    ...(Object.keys(constraints).length > 0 ? { constraints } : {}),
    principal,
    exposed,
    remote,
    life,
    "endpoint-bindings": rest["endpoint-bindings"],
  };
}
