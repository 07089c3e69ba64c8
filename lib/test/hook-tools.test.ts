import { memoryTools } from "../src/testing/memory-tools.ts";
import { hookToolsContract } from "./harness/contract.ts";
import { startTools } from "./harness/tool-processes.ts";
import { toolsInWorker } from "./harness/tools-in-worker.ts";

hookToolsContract("in memory", async ({ view, buffer, effects }) => ({
  runner: memoryTools(view, buffer, effects),
  stop: () => undefined,
}));

const toolsOn = toolsInWorker();
hookToolsContract("by processes", async (far) => {
  const { dir, stop } = await startTools(far);
  return { runner: toolsOn(`${dir}:/usr/bin:/bin`), stop };
});
