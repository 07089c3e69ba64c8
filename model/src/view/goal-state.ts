import { isPeer, relationsOf, remoteEndpoint, endpointFor, unitsOf } from "../entities.ts";
import type { GoalState, GoalStatus } from "../hook-view.ts";
import { put } from "../records.ts";
import type { ModelState, Relation, Unit } from "../state.ts";
import { displayedStatus } from "./display.ts";

/** What the operator has planned: units that are or will be, and the relations with those on their other sides. */
export function planGoalState(state: ModelState, unit: Unit): GoalState {
  const units: Record<string, GoalStatus> = {};
  for (const each of unitsOf(state, unit.application)) put(units, each.name, unitGoal(state, each));
  const relations: Record<string, Record<string, GoalStatus>> = {};
  for (const relation of relationsOf(state, unit.application)) {
    const endpoint = endpointFor(relation, unit.application);
    if (isPeer(relation) || !endpoint) continue;
    const known = relations[endpoint.name] ?? {};
    relations[endpoint.name] = known;
    addRemote(state, unit, relation, known);
  }
  return { units, relations };
}

function addRemote(
  state: ModelState,
  unit: Unit,
  relation: Relation,
  into: Record<string, GoalStatus>,
): void {
  const remote = remoteEndpoint(relation, unit.application)?.application ?? "";
  put(into, remote, { status: relationGoal(relation), since: relation.createdAt });
  for (const each of unitsOf(state, remote)) put(into, each.name, unitGoal(state, each));
}

function relationGoal({ life, suspended, unitBags }: Relation): string {
  if (life !== "alive") return "broken";
  if (suspended) return "suspended";
  return Object.values(unitBags).some(({ inScope }) => inScope) ? "joined" : "joining";
}

function unitGoal(state: ModelState, unit: Unit): GoalStatus {
  const { workload } = displayedStatus(state, unit);
  return { status: unit.life === "alive" ? workload.status : unit.life, since: workload.since };
}
