/**
 * What Juju guarantees, as a pure, deterministic state machine: commands are decided into events, events are applied to
 * the state, the state says what each unit does next. Start at README.md, then decide.ts, apply.ts, resolver/.
 * Never reads a clock, a random number, a file or a network; whoever calls gives times and ids.
 */
import type { Command } from "./commands.ts";
import type { HookBuffer, HookEffects, HookPaths, ModelEvent } from "./contract.ts";
import type { HookView } from "./hook-view.ts";
import type { ConfigValue, ModelState, Operation } from "./state.ts";

export type * from "./commands.ts";
export type * from "./contract.ts";
export type * from "./hook-changes.ts";
export type * from "./hook-view.ts";
export type * from "./state.ts";
export { ModelError } from "./errors.ts";

const notYet = (): never => {
  throw new Error("not built yet");
};
export const createModel = (_: {
  uuid: string;
  name: string;
  owner: string;
  now: number;
  config?: Record<string, ConfigValue>;
}): ModelState => notYet();
export const decide = (_state: ModelState, _command: Command): ModelEvent[] => notYet();
export const apply = (_state: ModelState, _event: ModelEvent): void => notYet();
export const nextOperation = (_state: ModelState, _unit: string, _now: number): Operation | undefined =>
  notYet();
export const nextTimer = (_state: ModelState): number | undefined => notYet();
export const hookView = (
  _state: ModelState,
  _unit: string,
  _operation: Operation | { task: string } | { exec: true },
): HookView => notYet();
export const hookEnvironment = (_view: HookView, _paths: HookPaths): Record<string, string> => notYet();
export const emptyBuffer = (): HookBuffer => notYet();
export const runHookTool = async (
  _view: HookView,
  _buffer: HookBuffer,
  _argv: string[],
  _stdin: string | undefined,
  _effects: HookEffects,
): Promise<{ exitCode: number; stdout: string; stderr: string }> => notYet();
export const hookToolNames: readonly string[] = [];
