import { processTools } from "@cantrip/lib";
import { memoryTools } from "../src/testing/memory-tools.ts";
import { hookToolsContract } from "./harness/contract.ts";
import { startTools } from "./harness/tool-processes.ts";

hookToolsContract("in memory", async ({ view, buffer, effects }) => ({
  runner: memoryTools(view, buffer, effects),
  stop: () => undefined,
}));

hookToolsContract("by processes", async (far) => {
  const { dir, stop } = await startTools(far);
  return { runner: processTools({ PATH: `${dir}:/usr/bin:/bin` }), stop };
});
