/**
 * What Juju guarantees, as a pure, deterministic state machine: commands are decided into events, events are applied to
 * the state, the state says what each unit does next. Start at README.md, then decide.ts, apply.ts, resolver/.
 * Never reads a clock, a random number, a file or a network; whoever calls gives times and ids.
 */
export type * from "./commands.ts";
export type * from "./contract.ts";
export type * from "./events.ts";
export type * from "./hook-changes.ts";
export type * from "./hook-view.ts";
export type * from "./state.ts";

export { ModelError } from "./errors.ts";
export type { ModelErrorCode } from "./errors.ts";
export { createModel } from "./create.ts";
export { newUniter } from "./apply/units.ts";
export type { NewModel } from "./create.ts";
export { decide } from "./decide.ts";
export { record } from "./record.ts";
export type { Cause, RecordedEvent, Source } from "./record.ts";
export { apply } from "./apply.ts";
export { nextOperation } from "./resolver/next-operation.ts";
export { nextTimer } from "./resolver/timers.ts";
export {
  beginTerms,
  claimLeadership,
  nextTermEnd,
  promisedMs,
  renewTerms,
  settleLeadership,
  termMs,
} from "./leadership/terms.ts";
export type { LeadershipChange, Term, Terms } from "./leadership/terms.ts";

export { hookView } from "./view/hook-view.ts";
export type { HookSubject } from "./view/hook-view.ts";
export { hookEnvironment } from "./view/environment.ts";
export { displayedApplicationStatus, displayedMachineStatus, displayedStatus } from "./view/display.ts";
export type { DisplayedStatus } from "./view/display.ts";
export { planGoalState } from "./view/goal-state.ts";
export { statusEntries, statusEvents } from "./view/status-history.ts";
export type { StatusEntry, StatusKind } from "./view/status-history.ts";
export { readSecret } from "./view/secrets.ts";
export type { SecretAnswer, SecretRequest } from "./view/secrets.ts";

export { charmOf, effectiveSettings, modelDefaults, modelSetting } from "./settings.ts";
export {
  endpointFor,
  isLeading,
  isPeer,
  relationKey,
  relationsOf,
  remoteEndpoint,
  unitsOf,
  unitsOnMachine,
} from "./entities.ts";
export { withDefaults } from "./schema/defaults.ts";
export { validate as validateAgainstSchema } from "./schema/validate.ts";
export { portText } from "./decide/ports.ts";
export { parseDuration } from "./durations.ts";

export { emptyBuffer, hookToolNames, runHookTool } from "./hooktools/run.ts";
