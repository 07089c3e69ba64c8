import type { HookBuffer, HookEffects, ToolResult } from "../contract.ts";
import type { HookView } from "../hook-view.ts";

export const emptyBuffer = (): HookBuffer => ({
  changes: {
    relations: {},
    state: { set: {}, delete: [] },
    ports: { open: [], close: [] },
    secrets: [],
  },
  action: { results: {} },
});
export const hookToolNames: readonly string[] = [];
export const runHookTool = async (
  _view: HookView,
  _buffer: HookBuffer,
  _argv: readonly string[],
  _stdin: string | undefined,
  _effects: HookEffects,
): Promise<ToolResult> => {
  throw new Error("not built yet");
};
