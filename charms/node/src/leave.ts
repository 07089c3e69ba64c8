/** The end of a node: each part is tried, bounded, and none keeps the unit from going. */
import type { OwnNode } from "./own-node.ts";

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
