/** Which controller and which model a command line means. */
import type { AccountEntry, ClientFiles, ControllerEntry } from "./client-files.ts";
import { qualified } from "./client-files.ts";
import { CommandError } from "./errors.ts";

export interface ControllerTarget {
  readonly name: string;
  readonly controller: ControllerEntry;
  readonly account: AccountEntry;
}
export interface ModelName {
  readonly controller?: string;
  /** `owner/name`, `name` or a uuid */
  readonly model?: string;
}

/** `[controller:][owner/]model` */
export function parseModelName(text: string | undefined): ModelName {
  if (!text) return {};
  const colon = text.indexOf(":");
  const controller = colon > 0 ? text.slice(0, colon) : undefined;
  const model = text.slice(colon + 1);
  return { ...(controller === undefined ? {} : { controller }), ...(model ? { model } : {}) };
}

/** @throws CommandError saying what is there and how to start one */
export function controllerTarget(files: ClientFiles, wanted?: string): ControllerTarget {
  const file = files.controllers();
  const known = Object.keys(file.controllers);
  if (known.length === 0) {
    throw new CommandError(
      `no controller is known in ${files.directory}: start one with "cantrip up", ` +
        "or name the directory of its client files in CANTRIP_DATA",
    );
  }
  const name = wanted ?? file["current-controller"] ?? known[0] ?? "";
  const controller = Object.hasOwn(file.controllers, name) ? file.controllers[name] : undefined;
  if (!controller) throw new CommandError(`controller ${name} not found: known are ${known.join(", ")}`);
  const account = files.accounts().controllers[name];
  if (!account?.password) {
    throw new CommandError(
      `no password for controller ${name} in ${files.directory}/accounts.yaml: "cantrip up" writes it`,
    );
  }
  return { name, controller, account };
}

/** The current model of a controller. */
export function currentModel(files: ClientFiles, controller: string): string | undefined {
  return files.models().controllers[controller]?.["current-model"];
}

/** Its uuid as far as the files know. */
export function knownUuid(
  files: ClientFiles,
  { name, account }: ControllerTarget,
  model: string,
): string | undefined {
  if (isUuid(model)) return model;
  const models = files.models().controllers[name]?.models ?? {};
  const full = qualified(account.user, model);
  return Object.hasOwn(models, full) ? models[full]?.uuid : undefined;
}

export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
