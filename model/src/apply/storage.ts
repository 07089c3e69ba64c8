import type { StorageEvents } from "../events.ts";
import { copy, own, put } from "../records.ts";
import type { ModelState, StorageInstance } from "../state.ts";
import type { Appliers } from "./appliers.ts";

const on =
  <Event extends { storageId: string }>(change: (instance: StorageInstance, event: Event) => void) =>
  (state: ModelState, event: Event): void => {
    const instance = own(state.storage?.instances ?? {}, event.storageId);
    if (instance) change(instance, event);
  };

export const storageEvents: Appliers<StorageEvents["type"]> = {
  "storage-added": ({ storage }, { storage: instance }) => {
    if (!storage) return;
    put(storage.instances, instance.id, copy(instance));
    storage.next += 1;
  },
  "storage-located": on((instance, { location }) => {
    instance.location = location;
  }),
  "storage-life-set": on((instance, { life }) => {
    instance.life = life;
  }),
  "storage-removed": ({ storage, units }, { storageId }) => {
    const unit = own(units, own(storage?.instances ?? {}, storageId)?.unit ?? "");
    if (unit?.uniter.storage) unit.uniter.storage = unit.uniter.storage.filter((id) => id !== storageId);
    delete storage?.instances[storageId];
  },
};
