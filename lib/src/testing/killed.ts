import { type CharmSource, definitionIn, dispatchOne } from "./dispatch.ts";
import { Mortal } from "./mortal.ts";
import type { TestedCharm } from "./process.ts";
import type { EventGiven, State, Then } from "./state.ts";

/** What `killed` needs beside the state and the event. */
export interface KillOptions<Fakes> extends CharmSource {
  /** Makes what takes the place of the outside world, anew for each death: what a killed process has done there stays done. */
  readonly fakes?: () => Fakes | Promise<Fakes>;
  readonly now?: () => number;
}

/** A process that was killed in a hook, and what is left. */
export interface Killed<Fakes> {
  /** `after relation-set -r db:3 --file -`, `after service.bootstrap`, `before its first call`, `at its end, before its commit` */
  readonly at: string;
  /** As it stands now. What Juju sends next is, as a rule, the same event. */
  readonly left: Then;
  readonly fakes: Fakes;
}

/**
 * The deaths that a charm can die in the dispatch of an event, one after another: before it calls anything, after each call of a
 * hook tool or of an asynchronous method of its fakes, and at its end before Juju commits. The call that it dies in has done its
 * work and never returns; nothing of the charm runs after it, no `finally` either.
 *
 * ```ts
 * for await (const { at, left, fakes } of killed(K8sCharm, "config-changed", given, { dir, fakes: () => machine() })) {
 *   const again = await dispatch(K8sCharm, "config-changed", left, { dir, fakes });
 *   expect(again.status, at).toBe("active");
 * }
 * ```
 * @throws what `dispatch` throws
 */
export async function* killed<Fakes = undefined>(
  CharmType: TestedCharm<Fakes>,
  event: EventGiven,
  given: State,
  { fakes: makeFakes, now, ...source }: KillOptions<Fakes>,
): AsyncGenerator<Killed<Fakes>, void, undefined> {
  const definition = await definitionIn(source);
  for (let survived = 0; ; survived += 1) {
    const mortal = new Mortal(survived);
    const fakes = (await makeFakes?.()) as Fakes;
    const options = { definition, fakes, mortal, ...(now === undefined ? {} : { now }) };
    const left = await dispatchOne(CharmType, event, given, options);
    if (mortal.death === undefined) return;
    yield { at: mortal.death, left, fakes };
  }
}
