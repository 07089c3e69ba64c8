import type { Deciders } from "../draft.ts";
import { timersOf } from "../resolver/timers.ts";

export const timerCommands: Pick<Deciders, "tick"> = {
  tick: (draft, { now }) => {
    for (const { at, event } of timersOf(draft.state)) if (at <= now) draft.emit(event);
  },
};
