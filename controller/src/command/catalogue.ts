/**
 * Every command: its name, arguments, options, and where its work is done. The work is imported when it is called for, so
 * that help and completion are quick.
 */
import { deploying } from "./catalogue/applications.ts";
import { controllers } from "./catalogue/client.ts";
import { observing } from "./catalogue/looking.ts";
import { models } from "./catalogue/models.ts";
import { running } from "./catalogue/running.ts";
import type { CommandSpec } from "./catalogue/spec.ts";

export type { CommandSpec, OptionSpec, Run } from "./catalogue/spec.ts";

export const catalogue: readonly CommandSpec[] = [
  ...deploying,
  ...observing,
  ...running,
  ...models,
  ...controllers,
];
