import type { EventOf, EventType } from "../events.ts";
import type { ModelState } from "../state.ts";

/** How each of some types of events changes the state. */
export type Appliers<Type extends EventType> = {
  readonly [Each in Type]: (state: ModelState, event: EventOf<Each>) => void;
};
