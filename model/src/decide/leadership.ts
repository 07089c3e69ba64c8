import type { Deciders, Draft } from "../draft.ts";
import { findApplication, findUnit, isLeading } from "../entities.ts";
import { ModelError } from "../errors.ts";
import { isOwnerSecretHook } from "../hook-kinds.ts";
import { own } from "../records.ts";
import type { Unit } from "../state.ts";
import { dropHook } from "./settle.ts";

type LeadershipCommands = Pick<Deciders, "elect-leader" | "depose-leader" | "set-leader-settings">;

export const leadershipCommands: LeadershipCommands = {
  "elect-leader": (draft, { application: name, unit: candidate }) => {
    const { leader } = findApplication(draft.state, name);
    const unit = findUnit(draft.state, candidate);
    if (leader === candidate) return;
    if (unit.application !== name || unit.life !== "alive")
      throw new ModelError(
        "bad request",
        `unit "${candidate}" cannot lead "${name}": expected a living unit of it`,
      );
    if (leader !== undefined) depose(draft, name, leader);
    draft.emit({ type: "leader-elected", application: name, unit: candidate });
  },
  "depose-leader": (draft, { application: name, unit }) => {
    if (findApplication(draft.state, name).leader === unit) depose(draft, name, unit);
  },
  "set-leader-settings": (draft, { unit: name, settings }) => {
    const unit = findUnit(draft.state, name);
    if (!isLeading(draft.state, unit))
      throw new ModelError(
        "unauthorized access",
        "cannot write leadership settings: cannot write settings: not the leader",
      );
    const present = findApplication(draft.state, unit.application).leaderSettings.values;
    const entries = Object.entries(settings);
    const remove = entries
      .filter(([key, value]) => value === "" && Object.hasOwn(present, key))
      .map(([key]) => key);
    const set = Object.fromEntries(
      entries.filter(([key, value]) => value !== "" && own(present, key) !== value),
    );
    if (remove.length + Object.keys(set).length === 0) return;
    draft.emit({ type: "leader-settings-set", application: unit.application, unit: name, set, remove });
  },
};

function depose(draft: Draft, application: string, name: string): void {
  draft.emit({ type: "leader-deposed", application, unit: name });
  const unit = own(draft.state.units, name);
  if (unit && isForLeaders(draft, unit)) dropHook(draft, name);
}

/** A failed hook that only a leader runs. */
function isForLeaders({ state }: Draft, { uniter: { failed, current } }: Unit): boolean {
  const hook = failed?.operation.hook;
  if (!hook || current?.hook) return false;
  const secret = hook.secretId === undefined ? undefined : own(state.secrets, hook.secretId);
  return hook.name === "leader-elected" || (isOwnerSecretHook(hook) && secret?.owner.kind === "application");
}
