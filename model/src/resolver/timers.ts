/** Dates on which something becomes due by itself. Those that have fired are not counted any more. */
import type { ModelEvent } from "../events.ts";
import type { ModelState, Secret, Unit } from "../state.ts";

export interface Timer {
  readonly at: number;
  readonly event: ModelEvent;
}

export function timersOf(state: ModelState): Timer[] {
  return [
    ...Object.values(state.units).flatMap(unitTimers),
    ...Object.values(state.secrets).flatMap(secretTimers),
  ];
}

function unitTimers({ name, life, resolved, uniter }: Unit): Timer[] {
  const { failed, nextUpdateStatus, updateStatusDue } = uniter;
  const timers: Timer[] = [];
  if (failed && failed.retryAt !== null && !failed.due && !resolved)
    timers.push({ at: failed.retryAt, event: { type: "hook-retry-due", unit: name } });
  if (life === "alive" && nextUpdateStatus !== undefined && !updateStatusDue)
    timers.push({ at: nextUpdateStatus, event: { type: "update-status-due", unit: name } });
  return timers;
}

function secretTimers({ id, nextRotation, rotationDue, revisions }: Secret): Timer[] {
  const rotation: Timer[] =
    nextRotation === undefined || rotationDue
      ? []
      : [{ at: nextRotation, event: { type: "secret-rotation-due", id } }];
  const expiries = revisions.flatMap(({ revision, expiresAt, expiryDue }): Timer[] =>
    expiresAt === undefined || expiryDue
      ? []
      : [{ at: expiresAt, event: { type: "secret-expiry-due", id, revision } }],
  );
  return [...rotation, ...expiries];
}

/** When the next `tick` is due; undefined while nothing waits for a date. */
export function nextTimer(state: ModelState): number | undefined {
  const dates = timersOf(state).map(({ at }) => at);
  return dates.length === 0 ? undefined : dates.reduce((first, at) => Math.min(first, at));
}
