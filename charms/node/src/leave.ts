/** The end of a node: each part is tried, bounded, and none keeps the unit from going. */
import type { OwnNode } from "./own-node.ts";
import { until } from "./until.ts";

const TAKEN_OUT_MS = 75_000;
const SILENT_MS = 5_000;

/**
 * Lets the control plane drain the node and take it out of the cluster, for as long as there is a control plane: whose API
 * is silent for some seconds will not do it.
 */
export async function awaitRemoval(own: OwnNode): Promise<void> {
  let answeredAt = performance.now();
  const isOut = async (): Promise<boolean> => {
    try {
      const { kind } = await own.ports.service.identity();
      if (kind === "none" || !(await own.ports.api.node(own.name))) return true;
      answeredAt = performance.now();
    } catch {
      return performance.now() - answeredAt > SILENT_MS;
    }
    return false;
  };
  await until("the control plane takes this node out", isOut, {
    timeoutMs: TAKEN_OUT_MS,
    everyMs: 1000,
  }).catch((error: unknown) => own.charm.log.warning((error as Error).message));
}

/** Takes the node away, data included. @returns false if something is left, which the log names */
export async function leave(own: OwnNode): Promise<boolean> {
  const { waker, nodePackage } = own.ports;
  const parts: [string, () => Promise<void>][] = [
    ["stop waking the unit", () => waker.remove()],
    ["remove the node", () => nodePackage.remove()],
  ];
  let whole = true;
  for (const [part, act] of parts) {
    try {
      await act();
    } catch (error) {
      whole = false;
      own.charm.log.error(`Cannot ${part}: ${(error as Error).message}`);
    }
  }
  own.forgetIdentity();
  return whole;
}
