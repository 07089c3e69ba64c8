/**
 * One event, one change of the state. Total: what names something that is gone, or a type that is unknown, changes nothing.
 */
import { applicationEvents } from "./apply/applications.ts";
import { machineEvents } from "./apply/machines.ts";
import { modelEvents } from "./apply/model.ts";
import { relationEvents } from "./apply/relations.ts";
import { secretEvents } from "./apply/secrets.ts";
import { storageEvents } from "./apply/storage.ts";
import { taskEvents } from "./apply/tasks.ts";
import { uniterEvents } from "./apply/uniter.ts";
import { unitEvents } from "./apply/units.ts";
import type { Appliers } from "./apply/appliers.ts";
import type { EventType, ModelEvent } from "./events.ts";
import { own } from "./records.ts";
import type { ModelState } from "./state.ts";

const appliers: Appliers<EventType> = {
  ...modelEvents,
  ...applicationEvents,
  ...unitEvents,
  ...uniterEvents,
  ...relationEvents,
  ...machineEvents,
  ...secretEvents,
  ...storageEvents,
  ...taskEvents,
};

/** Changes the state by what happened. Equal states and equal events give equal states. */
export function apply(state: ModelState, event: ModelEvent): void {
  const applier = own(appliers as Record<string, (state: ModelState, event: never) => void>, event.type);
  applier?.(state, event as never);
}
