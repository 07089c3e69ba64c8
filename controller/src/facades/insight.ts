/** Insight, our own facade, read-only: why an entity is as it is, and who wrote what in a databag. */
import type { EventOf } from "@cantrip/model";
import { ApiError, defineFacade, type FacadeMethod } from "../facade.ts";
import type { LoggedEvent } from "../models.ts";
import { causesOf } from "./insight/why.ts";
import { optionalText, text, wholeNumber } from "./params.ts";
import { modelOf, notFound, own, time } from "./values.ts";

/** The newest events that one answer looks at. */
const mostEvents = 50_000;

const Why: FacadeMethod = (connection, params) => {
  const entity = text(params, "entity");
  const { uuid, state } = modelOf(connection);
  const isKnown = [state.units, state.applications, state.machines].some(
    (all) => own<unknown>(all, entity) !== undefined,
  );
  if (!isKnown) notFound(`entity "${entity.slice(0, 80)}"`);
  const { events, compacted } = connection.controller.history.events(uuid, { limit: mostEvents });
  return {
    causes: causesOf(events, entity).map(({ at, ...step }) => ({ ...step, at: time(at) })),
    compacted,
  };
};

const History: FacadeMethod = (connection, params) => {
  const relation = wholeNumber(params, "relation", { fallback: -1 });
  const entity = text(params, "entity");
  const key = optionalText(params, "key");
  if (relation < 0)
    throw new ApiError("bad request", 'parameter "relation" is missing: expected a relation id');
  const { events, compacted } = connection.controller.history.events(modelOf(connection).uuid, {
    types: ["relation-data-set", "relation-entered"],
    limit: mostEvents,
  });
  const writes = events.flatMap((logged) => writesOf(logged, relation, entity));
  return { writes: writes.filter((write) => key === undefined || write.key === key), compacted };
};

interface Write {
  key: string;
  /** absent: the key was removed */
  value?: string;
  at: string;
  unit: string;
  hook: string;
}

/** What this event says of the bag of a unit (`k8s/0`) or an application (`k8s`). */
function writesOf({ at, event, cause }: LoggedEvent, relation: number, entity: string): Write[] {
  if (event.type !== "relation-data-set" && event.type !== "relation-entered") return [];
  if (event.relation !== relation || bagOwner(event) !== entity) return [];
  const common = { at: time(at), unit: event.unit, hook: cause.hook ?? "" };
  const set = Object.entries(event.type === "relation-entered" ? event.values : event.set);
  const removed = event.type === "relation-entered" ? [] : event.remove;
  return [
    ...set.map(([key, value]) => ({ key, value, ...common })),
    ...removed.map((key) => ({ key, ...common })),
  ];
}

function bagOwner(event: EventOf<"relation-data-set"> | EventOf<"relation-entered">): string {
  const isApplications = event.type === "relation-data-set" && event.bag === "application";
  return isApplications ? event.unit.slice(0, event.unit.indexOf("/")) : event.unit;
}

defineFacade({ name: "Insight", versions: [1], on: "model", isListed: false, methods: { History, Why } });
