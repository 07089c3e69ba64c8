/** Machines: shown, added, removed. */
import type { FullStatus } from "../../facades/status/wire.ts";
import type { Run } from "../catalogue.ts";
import type { Context, ErrorItem, ModelConnection } from "../context.ts";
import { CommandError, Silent, UsageError } from "../errors.ts";
import { emit, painter } from "../output.ts";
import { statusDocument } from "../status/document.ts";
import { machineTable } from "../status/tabular.ts";
import { parseBase, parseConstraints, wholeNumber } from "../values.ts";

/** Of the whole model, or those named. */
export const machines: Run = async (context, ids) => {
  const { io, options } = context;
  const { api, target } = await context.model();
  const full = await api.call<FullStatus>("Client", "FullStatus", { patterns: [] });
  const { machines: all, model } = statusDocument(full, {
    controller: target.name,
    utc: options["utc"] === true,
  });
  const missing = ids.find((id) => !Object.hasOwn(all, id));
  if (missing !== undefined) throw new CommandError(`machine ${missing} not found`);
  const shown = Object.fromEntries(
    Object.entries(all).filter(([id]) => ids.length === 0 || ids.includes(id)),
  );
  if (Object.keys(shown).length === 0 && options["format"] === "tabular")
    return context.inform(`Model "${model.name}" has no machines.`);
  const paint = painter(io, typeof options["color"] === "boolean" ? { color: options["color"] } : {});
  emit(io, options, { model: model.name, machines: shown }, () => machineTable(shown, paint));
};

export const addMachine: Run = async (context, [target]) => {
  if (target !== undefined)
    throw new CommandError(
      `cannot add a machine at "${target}": containers and machines by SSH are not supported yet`,
    );
  const { options } = context;
  const base = parseBase(options["base"]) ?? null;
  const constraints = parseConstraints(options["constraints"] as string | undefined);
  const count = wholeNumber(options["n"], "-n", 1, 1);
  const { api } = await context.model();
  const params = Array.from({ length: count }, () => ({
    jobs: ["JobHostUnits"],
    base,
    constraints,
    placement: null,
    "container-type": "",
    "parent-id": "",
  }));
  const answer = await api.call<{ machines: (ErrorItem & { machine?: string })[] }>(
    "MachineManager",
    "AddMachines",
    { params },
  );
  for (const { machine, error } of answer.machines) {
    if (error) throw new CommandError(error.message);
    context.io.err(`created machine ${machine ?? ""}\n`);
  }
};

export const removeMachine: Run = async (context, ids) => {
  const { options } = context;
  const wrong = ids.find((id) => !/^\d+(?:\/[a-z]+\/\d+)*$/.test(id));
  if (wrong !== undefined) throw new UsageError(`invalid machine id "${wrong}"`);
  if (options["keepInstance"] === true) throw new CommandError("--keep-instance is not supported yet");
  const model = await context.model();
  if (await context.asksBeforeRemoval(model)) {
    report(context, ids, await destroy(context, model, ids, true));
    await context.confirm();
  }
  if (!report(context, ids, await destroy(context, model, ids, options["dryRun"] === true)))
    throw new Silent(1);
};

async function destroy(
  { options }: Context,
  { api }: ModelConnection,
  ids: string[],
  isDryRun: boolean,
): Promise<ErrorItem[]> {
  const { results } = await api.call<{ results: ErrorItem[] }>("MachineManager", "DestroyMachineWithParams", {
    "machine-tags": ids.map((id) => `machine-${id.replaceAll("/", "-")}`),
    force: options["force"] === true,
    keep: false,
    "dry-run": isDryRun,
  });
  return results;
}

/** @returns whether all of it went well */
function report({ io }: Context, ids: string[], results: ErrorItem[]): boolean {
  ids.forEach((id, index) => {
    const error = results[index]?.error;
    if (error) io.err(`ERROR removing machine ${id} failed: ${error.message}\n`);
    else io.out(`will remove machine ${id}\n`);
  });
  return results.every(({ error }) => !error);
}
