import { validateAgainstSchema, withDefaults } from "@cantrip/model";
import type { ActionDefinition } from "@cantrip/metadata";
import { GivenError } from "./given.ts";

/**
 * Parameters as the charm gets them: the defaults of the schema filled in.
 * @throws GivenError where the controller would not even start the action
 */
export function actionParamsOf(
  { name, params }: ActionDefinition,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const filled = withDefaults(params, given);
  const reasons = validateAgainstSchema(params, filled);
  if (reasons.length > 0)
    throw new GivenError(`the action "${name}" does not take these parameters: ${reasons.join("; ")}`);
  return filled;
}
