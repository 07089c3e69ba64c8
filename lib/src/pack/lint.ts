import type { CharmDefinition } from "../framework/definition.ts";

const pythonKeywords = new Set(
  "false none true and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield".split(
    " ",
  ),
);

/** What is allowed but will be regretted, one sentence each. */
export function warningsOf({ config, actions }: CharmDefinition): string[] {
  const snake = (kind: string, names: readonly string[]): string[] =>
    names
      .filter((name) => name.includes("_"))
      .map((name) => `${kind} "${name}" has underscores: hyphens are the custom`);
  const actionNames = actions.actions.map(({ name }) => name);
  return [
    ...snake(
      "option",
      config.options.map(({ name }) => name),
    ),
    ...snake("action", actionNames),
    ...actionNames
      .filter((name) => pythonKeywords.has(name))
      .map((name) => `action "${name}" is a keyword of Python: charmcraft refuses it`),
    ...actionNames
      .filter((name) => /^[0-9]/.test(name))
      .map((name) => `action "${name}" begins with a digit: charmcraft refuses it`),
  ];
}
