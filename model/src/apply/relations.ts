import type { RelationEvents } from "../events.ts";
import { amend, copy, own, put } from "../records.ts";
import type { HookInfo, ModelState, Relation, UnitBag } from "../state.ts";
import type { Appliers } from "./appliers.ts";

const on =
  <Event extends { relation: number }>(
    change: (relation: Relation, event: Event, state: ModelState) => void,
  ) =>
  (state: ModelState, event: Event): void => {
    const relation = own(state.relations, event.relation);
    if (relation) change(relation, event, state);
  };

const isDeparted = ({ name }: HookInfo): boolean => name.endsWith("-relation-departed");

const bagOf = (relation: Relation, unit: string): UnitBag | undefined => own(relation.unitBags, unit);

/**
 * A bag whose unit left is read until every other unit has departed it, also by one that is about to join, or failed to and
 * will again; in a dying relation until the end.
 */
export function forgetBag(state: ModelState, relation: Relation, unit: string): void {
  if (relation.life !== "alive" || !bagOf(relation, unit)?.left) return;
  const isKnown = Object.values(state.units).some(({ uniter }) => {
    const known = own(uniter.relations, relation.id);
    const hooks = [uniter.current?.hook, uniter.failed?.operation.hook, uniter.requeued];
    return (
      (known !== undefined && Object.hasOwn(known.members, unit)) ||
      hooks.some((hook) => hook?.relationId === relation.id && hook.remoteUnit === unit && !isDeparted(hook))
    );
  });
  if (!isKnown) delete relation.unitBags[unit];
}

function removeRelation(state: ModelState, id: number): void {
  delete state.relations[id];
  for (const { uniter } of Object.values(state.units)) {
    delete uniter.relations[id];
    if (uniter.requeued?.relationId === id) delete uniter.requeued;
  }
  for (const secret of Object.values(state.secrets))
    secret.grants = secret.grants.filter(({ relation }) => relation !== id);
}

function setData(
  state: ModelState,
  relation: Relation,
  event: Extract<RelationEvents, { type: "relation-data-set" }>,
): void {
  const isUnit = event.bag === "unit";
  const application = event.unit.slice(0, event.unit.indexOf("/"));
  if (!isUnit && !Object.hasOwn(relation.applicationBags, application))
    put(relation.applicationBags, application, { values: {}, version: 0 });
  const bag = isUnit ? bagOf(relation, event.unit) : relation.applicationBags[application];
  if (!bag) return;
  amend(bag.values, event.set, event.remove);
  bag.version += 1;
  if (isUnit && event.address !== undefined) (bag as UnitBag).address = event.address;
  // Nobody hears of what it wrote itself: between peers, the application's bag is the writer's own.
  const writer = isUnit ? undefined : own(state.units, event.unit)?.uniter.relations[relation.id];
  if (writer && relation.endpoints.length === 1) writer.applicationVersion = bag.version;
}

export const relationEvents: Appliers<RelationEvents["type"]> = {
  "relation-added": (state, { relation }) => {
    state.relations[relation.id] = copy(relation);
    state.counters.relation = Math.max(state.counters.relation, relation.id + 1);
  },
  "relation-life-set": on((relation, { life }) => {
    relation.life = life;
  }),
  "relation-removed": (state, { relation }) => removeRelation(state, relation),
  "relation-entered": on((relation, { unit, address, values }) =>
    put(relation.unitBags, unit, { values: copy(values), version: 0, inScope: true, left: false, address }),
  ),
  "relation-hidden": on((relation, { unit }) => {
    const bag = bagOf(relation, unit);
    if (bag) bag.inScope = false;
  }),
  "relation-left": on((relation, { unit }, state) => {
    const bag = bagOf(relation, unit);
    if (!bag) return;
    bag.inScope = false;
    bag.left = true;
    forgetBag(state, relation, unit);
  }),
  "relation-data-set": on((relation, event, state) => setData(state, relation, event)),
};
