/** What a unit is told about its storage: that it is there, and that it goes. */
import { storageOf } from "../entities.ts";
import type { HookInfo, ModelState, StorageInstance, Unit } from "../state.ts";

const isTold = ({ uniter }: Unit, { id }: StorageInstance): boolean => uniter.storage?.includes(id) === true;
const hook = ({ name, id }: StorageInstance, event: string): HookInfo => ({
  name: `${name}-storage-${event}`,
  storageId: id,
});

/** Before a unit is installed, all of its storage has to be there. */
export const isWaitingForStorage = (state: ModelState, unit: Unit): boolean =>
  storageOf(state, unit.name).some(({ life, location }) => life === "alive" && location === undefined);

/** A unit on its way out is told of nothing new, and has to let go of everything. */
export function nextStorageHook(state: ModelState, unit: Unit): HookInfo | undefined {
  const isLeaving = unit.life !== "alive";
  const instances = storageOf(state, unit.name);
  const goes = instances.find((each) => isTold(unit, each) && (isLeaving || each.life !== "alive"));
  if (goes) return hook(goes, "detaching");
  const comes = instances.find(
    (each) => !isTold(unit, each) && each.life === "alive" && each.location !== undefined,
  );
  return comes && !isLeaving ? hook(comes, "attached") : undefined;
}
