/**
 * Tests of charms: a state is given, an event is dispatched, a state comes out. Start at `dispatch`; `dispatcher` binds it to a
 * charm's directory, `killed` lets it die at every point, `TestModel` has several charms settle. All of it runs the charm's class on the model that the controller runs, so there is no second Juju to please.
 * Never starts a process, reads a clock or touches a disk, but for the charm's own charmcraft.yaml.
 */
export { type DispatchOptions, dispatch, dispatcher } from "./dispatch.ts";
export { type KillOptions, type Killed, killed } from "./killed.ts";
export { GivenError } from "./given.ts";
export { CommitRefused } from "./memory-hook.ts";
export { type Deployment, NotSettled, TestModel, type TestModelOptions } from "./test-model.ts";
export type { TestedCharm } from "./process.ts";
export type {
  ActionGiven,
  ActionOutcome,
  EventGiven,
  HookGiven,
  RelationState,
  SecretState,
  State,
  Then,
} from "./state.ts";
