/** What a unit agent remembers of what it ran. Juju's agents keep this on their own disks. */
import type { EventOf, UniterEvents } from "../events.ts";
import { delivered } from "../resolver/bookkeeping.ts";
import { copy, isSame, own } from "../records.ts";
import type { ModelState, Unit } from "../state.ts";
import { relationKind } from "../hook-kinds.ts";
import type { Appliers } from "./appliers.ts";

const on =
  <Event extends { unit: string }>(change: (unit: Unit, event: Event, state: ModelState) => void) =>
  (state: ModelState, event: Event): void => {
    const unit = own(state.units, event.unit);
    if (unit) change(unit, event, state);
  };

function start(unit: Unit, event: EventOf<"operation-started">, state: ModelState): void {
  const { uniter } = unit;
  uniter.current = copy(event.operation);
  uniter.seen = copy(event.seen);
  uniter.operations += 1;
  state.counters.hook += 1;
  if (event.operation.hook?.name === "update-status") uniter.woken = false;
  if (uniter.requeued && isSame(uniter.requeued, event.operation.hook)) delete uniter.requeued;
  if (isRetry(unit)) delete unit.resolved;
}

/** The running operation is the one that failed before, once more. */
function isRetry({ uniter: { current, failed } }: Unit): boolean {
  return (
    failed !== undefined &&
    current?.kind === failed.operation.kind &&
    current.hook?.name === failed.operation.hook?.name
  );
}

function finish(unit: Unit, { operationId, at }: EventOf<"operation-finished">, state: ModelState): void {
  const { current, seen } = unit.uniter;
  if (current?.id !== operationId || !seen) return;
  if (isRetry(unit)) delete unit.uniter.failed;
  delivered(state, unit, current, seen, at);
  delete unit.uniter.current;
  delete unit.uniter.seen;
}

function fail(unit: Unit, event: EventOf<"operation-failed">): void {
  const { uniter } = unit;
  if (uniter.current?.id !== event.operationId) return;
  const { retryAt, message } = event;
  const attempts = (uniter.failed?.attempts ?? 0) + 1;
  // A forced upgrade that fails leaves what had failed before it.
  uniter.failed =
    uniter.failed && !isRetry(unit)
      ? { operation: uniter.failed.operation, attempts, retryAt, message, upgradeFailed: true }
      : { operation: uniter.current, attempts, retryAt, message };
  delete uniter.current;
  delete uniter.seen;
}

function requeue({ uniter }: Unit, { operationId }: EventOf<"operation-requeued">): void {
  if (uniter.current?.id !== operationId) return;
  const { hook } = uniter.current;
  // All others are found again by comparing; what has begun to come is told of in full, even if it is gone by now.
  const kind = hook && relationKind(hook);
  if (hook && (kind === "created" || kind === "joined") && !uniter.failed) uniter.requeued = hook;
  if (hook?.name === "update-status") uniter.updateStatusDue = true;
  if (uniter.failed) uniter.failed.due = true;
  delete uniter.current;
  delete uniter.seen;
}

function skip(unit: Unit, { seen, at }: EventOf<"hook-skipped">, state: ModelState): void {
  const { failed } = unit.uniter;
  if (!failed) return;
  delete unit.uniter.failed;
  delete unit.resolved;
  delivered(state, unit, failed.operation, seen, at);
}

export const uniterEvents: Appliers<UniterEvents["type"]> = {
  "operation-started": on(start),
  "operation-finished": on(finish),
  "operation-failed": on(fail),
  "operation-requeued": on(requeue),
  "hook-skipped": on(skip),
  "hook-dropped": on((unit) => {
    delete unit.uniter.failed;
    delete unit.resolved;
  }),
  "hook-retry-due": on(({ uniter }) => {
    if (uniter.failed) uniter.failed.due = true;
  }),
  "update-status-due": on(({ uniter }) => {
    uniter.updateStatusDue = true;
  }),
  "unit-woken": on(({ uniter }) => {
    uniter.woken = true;
  }),
  "unit-rebooted": on(({ uniter }, { bootId }) => {
    uniter.bootId = bootId;
    uniter.rebooted = uniter.started;
  }),
};
