/** The action get-kubeconfig: an admin's kubeconfig, for the address at which operators reach this unit. */
import type { ActionEvent } from "@cantrip/lib";
import { endpoint, NodeRefused, NodeUnavailable, type NodePorts } from "@cantrip/charm-node";
import type { K8sCharm } from "./charm.ts";
import type { Actions } from "./generated/charm-types.ts";

const API_PORT = 6443;

type GetKubeconfig = ActionEvent<Actions["get-kubeconfig"], { kubeconfig: string }>;

export async function getKubeconfig(charm: K8sCharm, ports: NodePorts, event: GetKubeconfig): Promise<void> {
  const server = event.params.server || (await defaultServer(charm, event));
  if (!server) return;
  try {
    await event.setResults({ kubeconfig: await ports.service.kubeconfig(server) });
  } catch (error) {
    if (!(error instanceof NodeRefused || error instanceof NodeUnavailable)) throw error;
    await event.fail(`Failed to retrieve kubeconfig: ${error.message}`);
  }
}

async function defaultServer(charm: K8sCharm, event: GetKubeconfig): Promise<string | undefined> {
  try {
    return `https://${endpoint(await charm.model.unit.publicAddress(), API_PORT)}`;
  } catch (error) {
    await event.fail(`Failed to get public address: ${(error as Error).message}`);
    return undefined;
  }
}
