/** Ends: what becomes dying, what follows from it, and what is gone when the last one has left. */
import type { CommandOf, Deciders, Draft } from "../draft.ts";
import {
  byUnitName,
  endpointFor,
  findApplication,
  findRelation,
  findUnit,
  isPeer,
  relationKey,
  relationsOf,
  unitsOf,
} from "../entities.ts";
import { ModelError } from "../errors.ts";
import { own } from "../records.ts";
import type { Relation, Unit } from "../state.ts";
import { parseEndpoint } from "./integrate.ts";
import { leaveMachine } from "./machines.ts";
import { dropHook } from "./settle.ts";
import { removeStorageOf } from "./storage.ts";

type RemovalCommands = Pick<Deciders, "remove-unit" | "remove-application" | "remove-relation">;

export const removalCommands: RemovalCommands = {
  "remove-unit": (draft, { unit: name, force = false }) => {
    const unit = findUnit(draft.state, name);
    if (force) removeUnit(draft, name);
    else retireUnit(draft, unit);
  },
  "remove-application": (draft, { application: name, force = false }) => {
    findApplication(draft.state, name);
    if (force) forceRemoveApplication(draft, name);
    else removeApplication(draft, name);
  },
  "remove-relation": (draft, command) => {
    const relation = chosenRelation(draft, command);
    if (isPeer(relation))
      throw new ModelError(
        "bad request",
        `cannot destroy relation "${relationKey(relation)}": is a peer relation`,
      );
    if (command.force) removeRelation(draft, relation.id);
    else endRelation(draft, relation);
  },
};

export function removeApplication(draft: Draft, name: string): void {
  if (findApplication(draft.state, name).life === "alive")
    draft.emit({ type: "application-life-set", application: name, life: "dying" });
  for (const relation of relationsOf(draft.state, name)) if (!isPeer(relation)) endRelation(draft, relation);
  for (const unit of unitsOf(draft.state, name)) retireUnit(draft, unit);
  finishApplication(draft, name);
}

export function forceRemoveApplication(draft: Draft, name: string): void {
  if (findApplication(draft.state, name).life === "alive")
    draft.emit({ type: "application-life-set", application: name, life: "dying" });
  for (const { id } of relationsOf(draft.state, name)) removeRelation(draft, id);
  for (const unit of unitsOf(draft.state, name)) removeUnit(draft, unit.name);
  finishApplication(draft, name);
}

/** Dying: out of its counterparts' sight at once, so that they depart it beside its own teardown. */
export function retireUnit(draft: Draft, unit: Unit): void {
  if (unit.life !== "alive") return;
  draft.emit({ type: "unit-life-set", unit: unit.name, life: "dying" });
  for (const { id, unitBags } of relationsOf(draft.state, unit.application))
    if (own(unitBags, unit.name)?.inScope)
      draft.emit({ type: "relation-hidden", relation: id, unit: unit.name });
  if (!hasAgent(draft, unit)) removeUnit(draft, unit.name);
}

/** A unit whose machine never came up has nobody who could tear it down. */
function hasAgent({ state }: Draft, { machine: id, uniter }: Unit): boolean {
  const machine = own(state.machines, id);
  const isNew = machine === undefined || machine.agentStatus.status === "pending";
  return !(isNew && uniter.operations === 0);
}

/** The unit is gone: from its relations, its machine, its tasks; and so is all that it owned. */
export function removeUnit(draft: Draft, name: string): void {
  const { application, machine } = findUnit(draft.state, name);
  if (own(draft.state.applications, application)?.leader === name)
    draft.emit({ type: "leader-deposed", application, unit: name });
  endTasks(draft, name);
  removeSecretsOf(draft, "unit", name);
  removeStorageOf(draft, name);
  const relations = relationsOf(draft.state, application).map(({ id }) => id);
  draft.emit({ type: "unit-removed", unit: name });
  for (const id of relations) leaveRelation(draft, id, name);
  leaveMachine(draft, machine);
  finishApplication(draft, application);
}

function endTasks(draft: Draft, receiver: string): void {
  for (const task of Object.values(draft.state.tasks)) {
    const isOpen = task.status === "pending" || task.status === "running" || task.status === "aborting";
    if (task.receiver !== receiver || !isOpen) continue;
    const status = task.status === "pending" ? "cancelled" : "failed";
    draft.emit({
      type: "task-finished",
      task: task.id,
      status,
      message: `unit "${receiver}" was removed`,
      results: {},
      at: draft.now,
    });
  }
}

function removeSecretsOf(draft: Draft, kind: "unit" | "application", name: string): void {
  for (const { id, owner, revisions } of Object.values(draft.state.secrets))
    if (owner.kind === kind && owner.name === name)
      draft.emit({ type: "secret-removed", id, contentIds: revisions.map(({ contentId }) => contentId) });
}

export function leaveRelation(draft: Draft, id: number, unit: string): void {
  const bag = own(own(draft.state.relations, id)?.unitBags ?? {}, unit);
  if (bag && !bag.left) draft.emit({ type: "relation-left", relation: id, unit });
  const relation = own(draft.state.relations, id);
  if (relation) finishRelation(draft, relation);
}

function endRelation(draft: Draft, relation: Relation): void {
  if (relation.life === "alive")
    draft.emit({ type: "relation-life-set", relation: relation.id, life: "dying" });
  for (const unit of untold(draft, relation))
    draft.emit({ type: "relation-left", relation: relation.id, unit });
  finishRelation(draft, findRelation(draft.state, relation.id));
}

/** Units that have entered a relation of which they were not told yet: they leave as silently. */
function untold({ state }: Draft, { id, unitBags }: Relation): string[] {
  return Object.keys(unitBags).filter((name) => {
    const uniter = own(state.units, name)?.uniter;
    const hooks = [uniter?.current?.hook, uniter?.failed?.operation.hook, uniter?.requeued];
    const isTold = uniter && (own(uniter.relations, id) ?? hooks.find((hook) => hook?.relationId === id));
    return !isTold && !unitBags[name]?.left;
  });
}

/** A dying relation ends when every unit has left it. */
function finishRelation(draft: Draft, { id, life, unitBags }: Relation): void {
  if (life !== "alive" && Object.values(unitBags).every(({ left }) => left)) removeRelation(draft, id);
}

function removeRelation(draft: Draft, id: number): void {
  const { endpoints } = findRelation(draft.state, id);
  const stuck = Object.values(draft.state.units)
    .filter(({ uniter }) => uniter.failed?.operation.hook?.relationId === id)
    .map(({ name }) => name);
  draft.emit({ type: "relation-removed", relation: id });
  for (const unit of stuck.sort(byUnitName)) dropHook(draft, unit);
  for (const { application } of endpoints) finishApplication(draft, application);
}

/** A dying application ends with its last unit and its last relation; peer relations and secrets go with it. */
function finishApplication(draft: Draft, name: string): void {
  const application = own(draft.state.applications, name);
  if (!application || application.life === "alive") return;
  const relations = relationsOf(draft.state, name);
  if (unitsOf(draft.state, name).length > 0 || relations.some((relation) => !isPeer(relation))) return;
  removeSecretsOf(draft, "application", name);
  for (const { id } of relations) draft.emit({ type: "relation-removed", relation: id });
  draft.emit({ type: "application-removed", application: name });
}

function chosenRelation(draft: Draft, { id, endpoints }: CommandOf<"remove-relation">): Relation {
  if (id !== undefined) return findRelation(draft.state, id);
  if (!endpoints) throw new ModelError("bad request", "expected two endpoints or a relation id");
  const sides = endpoints.map(parseEndpoint);
  for (const { application } of sides) findApplication(draft.state, application);
  const fits = (relation: Relation): boolean =>
    sides.every((side) => {
      const endpoint = endpointFor(relation, side.application);
      return endpoint !== undefined && (side.endpoint === undefined || side.endpoint === endpoint.name);
    });
  const [first] = sides;
  const found = relationsOf(draft.state, first?.application ?? "").filter(fits);
  const [only, ...others] = found;
  if (only && others.length === 0) return only;
  const shown = endpoints.join(" ");
  if (!only) throw new ModelError("not found", `relation "${shown}" not found`);
  const keys = found.map((relation) => `"${relationKey(relation)}"`).join("; ");
  throw new ModelError("bad request", `ambiguous relation: "${shown}" could refer to ${keys}`);
}
