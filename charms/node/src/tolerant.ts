/** Steps that talk to k8sd or the API: their failures are a wait with its reason and a wake, never a failed hook. */
import { wait, type Outcome, type Step } from "@cantrip/lib";
import { ApiRefused, ApiUnavailable } from "./kubernetes/api.ts";
import type { OwnNode } from "./own-node.ts";
import { ProcessFailed } from "./run.ts";
import { NodeRefused, NodeUnavailable } from "./service.ts";
import { WaitedTooLong } from "./until.ts";

const EXPECTED = [NodeUnavailable, NodeRefused, ApiUnavailable, ApiRefused, ProcessFailed, WaitedTooLong];
const RETRY_SECONDS = 10;
const LONGEST = 300;

export function tolerant<C extends { readonly own: OwnNode }>(step: Step<C>): Step<C> {
  const guarded = async <T>(context: C, ask: () => Promise<T> | T, otherwise: (reason: string) => T) => {
    try {
      return await ask();
    } catch (error) {
      if (!EXPECTED.some((type) => error instanceof type)) throw error;
      const { message } = error as Error;
      context.own.charm.log.warning(`${step.name}: ${message}`);
      context.own.wakeAfter(RETRY_SECONDS);
      return otherwise(message.slice(0, LONGEST));
    }
  };
  const unknown = new WeakMap<C, string>();
  return {
    name: step.name,
    // Whether a step applies may itself be unknown: then it is a wait as well, not a skip.
    when: (context) =>
      guarded<boolean>(
        context,
        () => step.when?.(context) ?? true,
        (reason) => {
          unknown.set(context, reason);
          return true;
        },
      ),
    run: (context) => {
      const reason = unknown.get(context);
      if (reason !== undefined) return wait(reason);
      return guarded<Outcome>(context, () => step.run(context), wait);
    },
  };
}

export const tolerantly = <C extends { readonly own: OwnNode }>(...steps: readonly Step<C>[]): Step<C>[] =>
  steps.map((step) => tolerant(step));
