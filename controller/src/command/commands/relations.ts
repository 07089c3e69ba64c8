import type { Run } from "../catalogue.ts";
import { UsageError } from "../errors.ts";

/** `k8s k8s-worker:cluster`; silent when done. */
export const integrate: Run = async (context, args) => {
  const endpoints = two(args);
  const { api } = await context.model();
  await api.call("Application", "AddRelation", { endpoints, "via-cidrs": null });
};

/** By two endpoints or by an id. */
export const removeRelation: Run = async (context, args) => {
  const force = context.options["force"] === true;
  const [only = ""] = args;
  const which =
    args.length === 1 && /^\d+$/.test(only)
      ? { endpoints: [], "relation-id": Number(only) }
      : { endpoints: two(args) };
  const { api } = await context.model();
  await api.call("Application", "DestroyRelation", { ...which, force });
};

function two(args: string[]): string[] {
  if (args.length === 2 && args.every((endpoint) => /^[a-z][a-z0-9-]*(?::[a-z0-9_-]+)?$/.test(endpoint)))
    return args;
  const wrong =
    args.length === 2
      ? args.find((endpoint) => !/^[a-z][a-z0-9-]*(?::[a-z0-9_-]+)?$/.test(endpoint))
      : undefined;
  if (wrong !== undefined)
    throw new UsageError(`endpoint "${wrong}" not valid: expected APPLICATION[:ENDPOINT]`);
  throw new UsageError(
    "a relation must involve two applications: expected APPLICATION[:ENDPOINT] APPLICATION[:ENDPOINT]",
  );
}
