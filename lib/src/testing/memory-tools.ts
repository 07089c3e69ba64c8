import { type HookBuffer, type HookEffects, type HookView, runHookTool } from "@cantrip/model";
import { type ToolCall, type ToolRunner, oneAtATime } from "../tools/runner.ts";

/** Hook tools in memory: the model's own, the ones that the controller serves. */
export function memoryTools(view: HookView, buffer: HookBuffer, effects: HookEffects): ToolRunner {
  return oneAtATime({
    async run({ argv, stdin, contents = {} }: ToolCall) {
      const values = Object.entries(contents).map(
        ([key, value]) => `${key}#base64=${Buffer.from(value).toString("base64")}`,
      );
      const result = await runHookTool(view, buffer, [...argv, ...values], stdin, effects);
      return { argv, ...result };
    },
  });
}
