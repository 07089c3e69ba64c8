import { digest, own } from "../records.ts";
import { effectiveSettings } from "../settings.ts";
import type { HookInfo, ModelState, Seen, Unit } from "../state.ts";

/** What a hook that starts now is shown: compared later, so that changes during the hook lead to another one. */
export function seenNow(state: ModelState, unit: Unit, hook?: HookInfo): Seen {
  const application = own(state.applications, unit.application);
  const secret = hook?.secretId === undefined ? undefined : own(state.secrets, hook.secretId);
  return {
    configHash: application ? digest(effectiveSettings(state, application)) : "",
    addressesHash: digest(own(state.machines, unit.machine)?.addresses ?? []),
    trust: application?.trust ?? false,
    revisions: secret ? { [secret.id]: secret.latest } : {},
  };
}

/** Whether config-changed is owed. */
export function configMoved(state: ModelState, unit: Unit): boolean {
  const { configHash, addressesHash, trust } = seenNow(state, unit);
  const { uniter } = unit;
  return configHash !== uniter.configHash || addressesHash !== uniter.addressesHash || trust !== uniter.trust;
}
