/** The end of this unit. Its node leaves the cluster if others carry it on; the last one takes the cluster away. */
import { leave, type NodeService, type OwnNode } from "@cantrip/charm-node";

/** Bounded in every part, and never fails: a unit that is to go must go. */
export async function leaveCluster(own: OwnNode): Promise<void> {
  try {
    if (await hasOthers(own.ports.service))
      await own.ports.service.removeNode({ name: own.name, force: true });
  } catch (error) {
    own.charm.log.warning(
      `${own.name} goes without being removed from its cluster: ${(error as Error).message}`,
    );
  }
  await leave(own);
}

async function hasOthers(service: NodeService): Promise<boolean> {
  if ((await service.identity()).kind === "none") return false;
  return (await service.clusterStatus()).members.length > 1;
}
