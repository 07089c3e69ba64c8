/**
 * A node shares folders and process groups with whatever else runs containers on its machine: /var/lib/containerd,
 * /var/lib/kubelet, kubepods. The claim says that what lies there is this node's. It is written before the first of it
 * is made and deleted after the last of it is gone; without it nothing there is touched, by `leave` and `remove` alike.
 */
import { readIfExists, removeDurably, writeIfChanged } from "../base/files.ts";
import type { Paths } from "../base/paths.ts";

export async function claimMachine({ claim }: Paths): Promise<void> {
  await writeIfChanged(claim, "containerd and kubelet of this machine belong to the k8s node package\n");
}

export const isClaimed = async ({ claim }: Paths): Promise<boolean> =>
  (await readIfExists(claim)) !== undefined;

export const releaseMachine = ({ claim }: Paths): Promise<void> => removeDurably(claim);
