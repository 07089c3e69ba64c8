/** Units and applications: adding, removing, resolving, exposing. */
import { ApiError, lenient, type Connection, type FacadeMethod, type Params } from "../../facade.ts";
import { entityTags, flag, items, list, optionalText, record, text, wholeNumber } from "../params.ts";
import { unitsOf } from "../status/displayed.ts";
import { applicationIn, sourceOf, eachResult, idIn, modelOf, naturally, unitIn, unitTag } from "../values.ts";
import { mostUnitsAtOnce, placements } from "./deploy.ts";

export const AddUnits: FacadeMethod = async (connection, params) => {
  const model = modelOf(connection);
  const { name: application } = applicationIn(model, text(params, "application"));
  const count = wholeNumber(params, "num-units", { fallback: 1, min: 1, max: mostUnitsAtOnce });
  if (list(params, "attach-storage").length > 0)
    throw new ApiError("not supported", "attach-storage is not supported yet");
  const events = await model.execute(
    { type: "add-unit", application, count, placement: placements(params) },
    sourceOf(connection),
  );
  const units = events.flatMap((event) => (event.type === "unit-added" ? [event.unit] : []));
  return { units: units.filter((unit) => unit.startsWith(`${application}/`)).toSorted(naturally) };
};

export const DestroyUnit: FacadeMethod = async (connection, params) => ({
  results: await eachResult(items(params, "units"), (one) => destroyUnit(connection, one)),
});

async function destroyUnit(connection: Connection, given: Params): Promise<{ info: object }> {
  const model = modelOf(connection);
  const { name: unit } = unitIn(model, idIn(text(given, "unit-tag"), "unit"));
  if (!flag(given, "dry-run"))
    await model.execute({ type: "remove-unit", unit, force: flag(given, "force") }, sourceOf(connection));
  return { info: {} };
}

export const DestroyApplication: FacadeMethod = async (connection, params) => ({
  results: await eachResult(items(params, "applications"), (one) => destroyApplication(connection, one)),
});

async function destroyApplication(connection: Connection, given: Params): Promise<{ info: object }> {
  const model = modelOf(connection);
  const { name: application } = applicationIn(model, idIn(text(given, "application-tag"), "application"));
  const units = unitsOf(model.state, application).map(({ name }) => ({ tag: unitTag(name) }));
  if (!flag(given, "dry-run"))
    await model.execute(
      { type: "remove-application", application, force: flag(given, "force") },
      sourceOf(connection),
    );
  return { info: units.length > 0 ? { "destroyed-units": units } : {} };
}

export const ResolveUnitErrors: FacadeMethod = async (connection, params) => {
  const model = modelOf(connection);
  const tags = flag(params, "all")
    ? Object.values(model.state.units)
        .filter(({ agentStatus }) => agentStatus.status === "error")
        .map(({ name }) => unitTag(name))
    : entityTags(lenient(params["tags"]));
  const retry = flag(params, "retry");
  const resolve = async (tag: string): Promise<undefined> => {
    const { name: unit } = unitIn(model, idIn(tag, "unit"));
    await model.execute({ type: "resolve", unit, retry }, sourceOf(connection));
    return undefined;
  };
  return { results: await eachResult(tags, resolve) };
};

const everywhere = new Set(["0.0.0.0/0", "::/0"]);

/** All endpoints to everywhere, or not at all: finer rules are refused. */
export const Expose: FacadeMethod = async (connection, params) => {
  const application = text(params, "application");
  for (const [endpoint, rule] of Object.entries(record(params, "exposed-endpoints"))) {
    const cidrs = list(record({ rule }, "rule"), "expose-to-cidrs");
    if (endpoint !== "" || cidrs.some((cidr) => !everywhere.has(String(cidr))))
      throw new ApiError(
        "not supported",
        "exposing single endpoints or to single networks is not supported yet",
      );
  }
  applicationIn(modelOf(connection), application);
  await modelOf(connection).execute({ type: "expose", application, exposed: true }, sourceOf(connection));
};

export const Unexpose: FacadeMethod = async (connection, params) => {
  const application = text(params, "application");
  if (list(params, "exposed-endpoints").some((endpoint) => endpoint !== ""))
    throw new ApiError("not supported", "unexposing single endpoints is not supported yet");
  applicationIn(modelOf(connection), application);
  await modelOf(connection).execute({ type: "expose", application, exposed: false }, sourceOf(connection));
};

export const Leader: FacadeMethod = (connection, params) => {
  const { name, leader } = applicationIn(modelOf(connection), idIn(text(params, "tag"), "application"));
  if (leader === undefined) throw new ApiError("not found", `application "${name}" has no leader yet`);
  return { result: leader };
};

export const GetConstraints: FacadeMethod = async (connection, params) => ({
  results: await eachResult(entityTags(params), (tag) => ({
    constraints: applicationIn(modelOf(connection), idIn(tag, "application")).constraints,
  })),
});

export const SetConstraints: FacadeMethod = async (connection, params) => {
  const { name: application } = applicationIn(modelOf(connection), optionalText(params, "application") ?? "");
  const constraints = record(params, "constraints");
  await modelOf(connection).execute(
    { type: "set-constraints", application, constraints },
    sourceOf(connection),
  );
};
