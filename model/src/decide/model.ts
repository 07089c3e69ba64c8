import type { Deciders, Draft } from "../draft.ts";
import { ModelError } from "../errors.ts";
import { findApplication } from "../entities.ts";
import { parseDuration } from "../durations.ts";
import { modelDefaults } from "../settings.ts";
import { own } from "../records.ts";
import { forceRemoveApplication, removeApplication } from "./removal.ts";
import { dismissMachine } from "./machines.ts";

type ModelCommands = Pick<Deciders, "set-model-config" | "set-constraints" | "destroy-model">;

export const modelCommands: ModelCommands = {
  "set-model-config": (draft, { values, reset }) => {
    for (const [key, value] of Object.entries(values)) checkModelSetting(key, value);
    draft.emit({ type: "model-config-set", set: values, reset });
  },
  "set-constraints": (draft, { application, constraints }) => {
    if (application === undefined) {
      draft.emit({ type: "model-constraints-set", constraints });
      return;
    }
    findApplication(draft.state, application);
    draft.emit({ type: "application-constraints-set", application, constraints });
  },
  "destroy-model": (draft, { force = false }) => {
    if (draft.state.life === "alive") draft.emit({ type: "model-life-set", life: "dying" });
    for (const name of Object.keys(draft.state.applications))
      if (force) forceRemoveApplication(draft, name);
      else removeApplication(draft, name);
    for (const id of Object.keys(draft.state.machines)) dismissMachine(draft, id);
  },
};

function checkModelSetting(key: string, value: unknown): void {
  const isFixed = key === "uuid" || key === "name" || key === "type" || key === "agent-version";
  if (isFixed) throw new ModelError("bad request", `cannot change value: ${JSON.stringify(key)}`);
  const given = own(modelDefaults, key);
  if (given !== undefined && typeof given !== typeof value)
    throw new ModelError("bad request", `${key}: expected ${wordFor(given)}, got ${JSON.stringify(value)}`);
  const isDuration = key === "update-status-hook-interval" || key.endsWith("-age");
  if (isDuration && (parseDuration(String(value)) ?? 0) <= 0)
    throw new ModelError(
      "bad request",
      `invalid ${key} in model configuration: time: invalid duration ${JSON.stringify(value)}`,
    );
  const interval = key === "update-status-hook-interval" ? (parseDuration(String(value)) ?? 0) : 60_000;
  if (interval < 60_000 || (key === "update-status-hook-interval" && interval > 3_600_000))
    throw new ModelError("bad request", `${key} ${String(value)} must be from 1m to 60m`);
}

const wordFor = (value: unknown): string =>
  typeof value === "boolean" ? "bool" : typeof value === "number" ? "number" : "string";

/** A dying model ends with its last application and machine. */
export function endIfEmpty(draft: Draft): void {
  const { life, applications, machines } = draft.state;
  const isEmpty = Object.keys(applications).length === 0 && Object.keys(machines).length === 0;
  if (life === "dying" && isEmpty) draft.emit({ type: "model-life-set", life: "dead" });
}

export function refuseUnlessAlive({ state }: Draft): void {
  if (state.life === "alive") return;
  throw new ModelError("bad request", `model ${JSON.stringify(state.name)} is no longer alive`);
}
