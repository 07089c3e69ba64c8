/** Constraints of a model's machines, and of an application's. */
import type { Run } from "../catalogue.ts";
import { first, type Context } from "../context.ts";
import { emit } from "../output.ts";
import { constraintsText, parseConstraints } from "../values.ts";

function show({ io, options }: Context, constraints: Record<string, unknown>): void {
  const given = Object.fromEntries(Object.entries(constraints).filter(([, value]) => value !== null));
  const text = constraintsText(given);
  emit(io, options, given, () => (text === "" ? "" : `${text}\n`));
}

export const modelConstraints: Run = async (context) => {
  const { api } = await context.model();
  const answer = await api.call<{ constraints: Record<string, unknown> }>(
    "ModelConfig",
    "GetModelConstraints",
  );
  show(context, answer.constraints);
};

export const setModelConstraints: Run = async (context, args) => {
  const constraints = parseConstraints(args);
  const { api } = await context.model();
  await api.call("ModelConfig", "SetModelConstraints", { application: "", constraints });
};

export const constraints: Run = async (context, [application = ""]) => {
  const { api } = await context.model();
  const entities = [{ tag: `application-${application}` }];
  const answer = first(
    await api.call<{ results: { constraints: Record<string, unknown> }[] }>("Application", "GetConstraints", {
      entities,
    }),
  );
  show(context, answer.constraints);
};

export const setConstraints: Run = async (context, [application = "", ...args]) => {
  const given = parseConstraints(args);
  const { api } = await context.model();
  await api.call("Application", "SetConstraints", { application, constraints: given });
};
