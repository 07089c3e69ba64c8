/** Commands carried out for the record: each event with its time and its cause, so that a status can be explained by its chain of causes. */
import type { Command } from "./commands.ts";
import { decide } from "./decide.ts";
import type { ModelEvent } from "./events.ts";
import { own } from "./records.ts";
import type { ModelState } from "./state.ts";

/** Who gives a command: all that the caller has to know of its cause. */
export type Source =
  { readonly by: "user"; readonly user?: string } | { readonly by: "agent" | "clock" | "provisioner" };

export interface Cause {
  readonly by: Source["by"];
  readonly user?: string;
  /** of an agent's command: the unit that it speaks of */
  readonly unit?: string;
  /** the hook of that unit which asked for it, or the kind of an operation without a hook (`run-action`) */
  readonly hook?: string;
  readonly operationId?: string;
  readonly command: Command["type"];
}

export interface RecordedEvent {
  /** milliseconds since the epoch: those of the command */
  readonly at: number;
  readonly cause: Cause;
  readonly event: ModelEvent;
}

/**
 * Decides, and says of each event when and why.
 * @throws ModelError as `decide` does
 */
export function record(state: ModelState, command: Command, source: Source): RecordedEvent[] {
  const events = decide(state, command);
  if (events.length === 0) return [];
  const cause = causeOf(state, command, source);
  return events.map((event) => ({ at: command.now, cause, event }));
}

/** By the state before the command: a hook that ends is the cause of what it has committed. */
function causeOf(state: ModelState, command: Command, source: Source): Cause {
  const { type } = command;
  const unit = source.by === "agent" ? unitOf(state, command) : undefined;
  if (unit === undefined) return { ...source, command: type };
  const current = besideHooks.has(type) ? undefined : own(state.units, unit)?.uniter.current;
  return {
    ...source,
    unit,
    ...(current ? { hook: current.hook?.name ?? current.kind, operationId: current.id } : {}),
    command: type,
  };
}

/** What an agent says of a unit by itself: a hook that happens to run has not asked for it. */
const besideHooks: ReadonlySet<string> = new Set<Command["type"]>([
  "unit-agent",
  "start-operation",
  "commit-exec",
  "elect-leader",
  "depose-leader",
]);

function unitOf(state: ModelState, command: Command): string | undefined {
  if ("unit" in command) return command.unit;
  const receiver = "task" in command ? own(state.tasks, command.task)?.receiver : undefined;
  return receiver !== undefined && own(state.units, receiver) ? receiver : undefined;
}
