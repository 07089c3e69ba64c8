/**
 * Turns a command into events, or refuses it: by then nothing has changed. The rules are in `decide/`, by subject.
 */
import type { Command } from "./commands.ts";
import { actionCommands } from "./decide/actions.ts";
import { agentCommands } from "./decide/agents.ts";
import { applicationCommands } from "./decide/applications.ts";
import { charmCommands } from "./decide/charms.ts";
import { deployCommands } from "./decide/deploy.ts";
import { leadershipCommands } from "./decide/leadership.ts";
import { machineCommands } from "./decide/machines.ts";
import { endIfEmpty, modelCommands } from "./decide/model.ts";
import { operationCommands } from "./decide/operations.ts";
import { integrateCommands } from "./decide/integrate.ts";
import { removalCommands } from "./decide/removal.ts";
import { storageCommands } from "./decide/storage.ts";
import { statusCommands } from "./decide/status.ts";
import { taskCommands } from "./decide/tasks.ts";
import { timerCommands } from "./decide/timers.ts";
import { Draft } from "./draft.ts";
import type { Deciders } from "./draft.ts";
import { ModelError } from "./errors.ts";
import type { ModelEvent } from "./events.ts";
import { own } from "./records.ts";
import type { ModelState } from "./state.ts";

const deciders: Deciders = {
  ...modelCommands,
  ...charmCommands,
  ...deployCommands,
  ...applicationCommands,
  ...integrateCommands,
  ...removalCommands,
  ...machineCommands,
  ...agentCommands,
  ...operationCommands,
  ...actionCommands,
  ...taskCommands,
  ...statusCommands,
  ...storageCommands,
  ...leadershipCommands,
  ...timerCommands,
};

/** @throws ModelError */
export function decide(state: ModelState, command: Command): ModelEvent[] {
  const decider = own(deciders as Record<string, (draft: Draft, command: never) => void>, command.type);
  if (!decider) throw new ModelError("not implemented", `unknown command ${JSON.stringify(command.type)}`);
  const draft = new Draft(state, command.now);
  try {
    decider(draft, command as never);
    endIfEmpty(draft);
    return draft.events;
  } finally {
    draft.end();
  }
}
