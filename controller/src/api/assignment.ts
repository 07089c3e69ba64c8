/** What a machine has to do now, read off the model's state. */
import { createHash } from "node:crypto";
import { nextOperation } from "@cantrip/model";
import type { ModelState, Task } from "@cantrip/model";
import type { Assignment } from "./agent-protocol.ts";

export function assignmentOf(
  state: Readonly<ModelState>,
  machine: string,
  keys: readonly string[],
  now: number,
): Assignment {
  const units = Object.values(state.units)
    .filter((unit) => unit.machine === machine)
    .map(({ name }) => {
      const operation = nextOperation(state, name, now);
      return { name, ...(operation ? { operation } : {}) };
    });
  const tasks = Object.values(state.tasks);
  const here = new Set([machine, ...units.map((u) => u.name)]);
  const rest = {
    units,
    tasks: tasks
      .filter((t) => t.receiver === machine && isOpen(t))
      .map(({ id, parameters, status }) => ({ task: id, parameters, isRunning: status === "running" })),
    aborting: tasks.filter((t) => t.status === "aborting" && here.has(t.receiver)).map((t) => t.id),
    authorizedKeys: keys,
  };
  return {
    revision: createHash("sha256").update(JSON.stringify(rest)).digest("base64url").slice(0, 22),
    ...rest,
  };
}

function isOpen({ status }: Task): boolean {
  return status === "pending" || status === "running";
}
