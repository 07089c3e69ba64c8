/** ApplicationsInfo and UnitsInfo: what `show-application` and `show-unit` print. */
import type { ModelState, Relation, RelationEndpoint, Unit } from "@cantrip/model";
import type { Connection, FacadeMethod } from "../../facade.ts";
import { entityTags } from "../params.ts";
import { unitsOf } from "../status/displayed.ts";
import { wireBase } from "../status/full-status.ts";
import { isSubordinate, openedPorts, unitAddress } from "../status/pieces.ts";
import {
  applicationIn,
  applicationTag,
  eachResult,
  idIn,
  modelOf,
  own,
  parseTag,
  unitIn,
  unitTag,
} from "../values.ts";
import { charmOf } from "./deploy.ts";

export const ApplicationsInfo: FacadeMethod = async (connection, params) => ({
  results: await eachResult(entityTags(params), (tag) => ({ result: applicationInfo(connection, tag) })),
});

function applicationInfo(connection: Connection, tag: string): object {
  const model = modelOf(connection);
  const application = applicationIn(model, idIn(tag, "application"));
  return {
    tag: applicationTag(application.name),
    charm: charmOf(connection, application.charmUrl).name,
    base: wireBase(application.base),
    channel: "",
    constraints: application.constraints,
    principal: !isSubordinate(model.state, application),
    exposed: application.exposed,
    remote: false,
    life: application.life,
    "endpoint-bindings": { "": "alpha", ...application.bindings },
  };
}

/** An application's tag stands for all of its units. */
export const UnitsInfo: FacadeMethod = async (connection, params) => {
  const model = modelOf(connection);
  const results = await eachResult(entityTags(params), (tag) => {
    const { kind, id } = parseTag(tag);
    const units =
      kind === "application"
        ? unitsOf(model.state, applicationIn(model, id).name)
        : [unitIn(model, idIn(tag, "unit"))];
    return { found: units.map((unit) => ({ result: unitInfo(model.state, unit) })) };
  });
  return { results: results.flatMap((result): object[] => ("found" in result ? result.found : [result])) };
};

function unitInfo(state: ModelState, unit: Unit): object {
  return {
    tag: unitTag(unit.name),
    "workload-version": unit.workloadVersion,
    machine: unit.machine,
    "opened-ports": openedPorts(unit),
    "public-address": unitAddress(state, unit),
    charm: unit.charmUrl,
    leader: own(state.applications, unit.application)?.leader === unit.name,
    life: unit.life,
    "relation-data": Object.values(state.relations)
      .map((relation) => relationData(state, relation, unit))
      .filter((data) => data !== undefined),
  };
}

function relationData(state: ModelState, relation: Relation, unit: Unit): object | undefined {
  const here = relation.endpoints.find(({ application }) => application === unit.application);
  if (!here) return undefined;
  const other = relation.endpoints.find((endpoint) => endpoint !== here) ?? here;
  return {
    "relation-id": relation.id,
    endpoint: here.name,
    "cross-model": false,
    "related-endpoint": other.name,
    ApplicationData: own(relation.applicationBags, other.application)?.values ?? {},
    "unit-relation-data": unitData(state, relation, unit, other),
  };
}

/** The bags of the units on the other side, and the unit's own. */
function unitData(
  state: ModelState,
  relation: Relation,
  unit: Unit,
  other: RelationEndpoint,
): Record<string, object> {
  const names = [unit.name, ...unitsOf(state, other.application).map(({ name }) => name)];
  const entries = [...new Set(names)].flatMap((name) => {
    const bag = own(relation.unitBags, name);
    return bag ? [[name, { InScope: bag.inScope, UnitData: bag.values }] as const] : [];
  });
  return Object.fromEntries(entries);
}
