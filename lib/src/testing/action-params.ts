import type { ActionDefinition } from "@cantrip/metadata";

/** Parameters as the charm gets them: the defaults of the schema filled in. */
export function actionParamsOf(
  { params }: ActionDefinition,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const properties = (params["properties"] ?? {}) as Record<string, { default?: unknown }>;
  const defaults = Object.entries(properties).flatMap(([name, schema]) =>
    schema.default === undefined ? [] : [[name, schema.default] as const],
  );
  return { ...Object.fromEntries(defaults), ...given };
}
