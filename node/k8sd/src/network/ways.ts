/** Which way packets to other nodes take: on the node's own link, or through a router. */
import { messageOf } from "../base/errors.ts";
import { run } from "../base/run.ts";
import type { Route } from "./plan.ts";

export interface Ways {
  readonly direct: readonly Route[];
  readonly remote: readonly Route[];
  /** Neither was ever told: nothing is done about these, and nothing undone. */
  readonly unknown: readonly Route[];
  /** One for each route whose way the kernel does not tell now. */
  readonly problems: readonly string[];
}

/**
 * Asks the kernel of each route alone. What it does not tell stays as it was told last (`known`, by address of the node),
 * so that one failing question takes no working route away.
 */
export async function byLink(routes: readonly Route[], known = new Map<string, boolean>()): Promise<Ways> {
  const problems = await eachAlone(routes, notReached, async ({ via }) => {
    const text = await run(["ip", "-json", "-4", "route", "get", via]);
    const [way] = JSON.parse(text) as { gateway?: string }[];
    known.set(via, way?.gateway !== undefined);
  });
  const those = (isRemote: boolean | undefined) => routes.filter(({ via }) => known.get(via) === isRemote);
  return { direct: those(false), remote: those(true), unknown: those(undefined), problems };
}

export const notReached = ({ cidr, via }: Route): string => `pods of ${cidr} cannot be reached by ${via}`;

/** Does something for each, whatever becomes of the others. Returns a problem for each that failed. */
export async function eachAlone<T>(
  subjects: readonly T[],
  failing: (subject: T) => string,
  work: (subject: T) => Promise<void>,
): Promise<string[]> {
  const outcomes = await Promise.allSettled(subjects.map(work));
  return outcomes.flatMap((outcome, at) =>
    outcome.status === "fulfilled" ? [] : [`${failing(subjects[at]!)}: ${messageOf(outcome.reason)}`],
  );
}
