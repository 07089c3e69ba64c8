/** Hooks in which Juju lets a charm do next to nothing; `lib/testing` refuses them, as no charm of ours defines them. */
import { expect, test } from "vitest";
import { Charm, type Framework, type HookEvent, type ToolResult } from "@cantrip/lib";
import { contextFrom } from "../src/framework/context.ts";
import { Dispatch } from "../src/framework/dispatch.ts";
import { memoryStore } from "../src/framework/stored.ts";
import { definitionOfCharm } from "./harness/world.ts";

const definition = await definitionOfCharm("contract");

class Patient extends Charm {
  constructor(framework: Framework) {
    super(framework);
    framework.observe(this.on.start, (event: HookEvent) => event.defer(), { as: "start" });
    framework.observe(this.on.collectUnitStatus, (event) =>
      event.addStatus({ status: "active", message: "" }),
    );
  }
}

test.each(["collect-metrics", "meter-status-changed"])(
  "what was deferred waits beyond %s, and no status is set there",
  async (hook) => {
    const calls: string[] = [];
    const store = memoryStore();
    const run = (name: string): Promise<void> => {
      const context = contextFrom({
        JUJU_CHARM_DIR: "/nowhere",
        JUJU_DISPATCH_PATH: `hooks/${name}`,
        JUJU_UNIT_NAME: "web/0",
        JUJU_MODEL_NAME: "m",
        JUJU_MODEL_UUID: "00000000-0000-4000-8000-000000000000",
        JUJU_VERSION: "3.6.1",
      });
      const runner = {
        run: async ({ argv }: { argv: readonly string[] }): Promise<ToolResult> => {
          calls.push(argv[0] ?? "");
          return { argv, exitCode: 0, stdout: "", stderr: "" };
        },
      };
      return new Dispatch({ context, definition, runner, store, clock: () => 0 }).run(Patient);
    };
    await run("start");
    expect([calls.splice(0), store.data.notices.length]).toEqual([["status-set"], 1]);
    await run(hook);
    expect([calls, store.data.notices.length]).toEqual([[], 1]);
  },
);
