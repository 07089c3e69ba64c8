/** What only the controller's own parts may use; client facades see the `Controller` interface. */
import type { Controller, LiveModel } from "../models.ts";
import type { SecretVault } from "../store/secret-vault.ts";
import type { Leases } from "./leases.ts";
import type { Model } from "./live-model.ts";
import type { Presence } from "./presence.ts";

export interface Internals {
  readonly presence: Presence;
  readonly vault: SecretVault;
  leases(model: LiveModel): Leases;
  live(model: LiveModel): Model;
}

const internals = new WeakMap<Controller, Internals>();

export function setInternals(controller: Controller, value: Internals): void {
  internals.set(controller, value);
}

export function internalsOf(controller: Controller): Internals {
  const found = internals.get(controller);
  if (!found) throw new Error("this controller has no internals: it was not made by openController");
  return found;
}
