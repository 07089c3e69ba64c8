/** One case as transitions of states: by our testing framework and by ops-scenario. */
import { join } from "node:path";
import type { CharmDefinition } from "../../../lib/src/framework/definition.ts";
import { dispatch } from "../../../lib/src/testing/index.ts";
import { worldOf } from "../../../lib/src/testing/given.ts";
import type { SecretState, State, Then } from "../../../lib/src/testing/state.ts";
import { definitionOfCharm } from "../../../lib/test/harness/world.ts";
import { TwinCharm } from "./charm/src/charm.ts";
import { ScenarioServer } from "./python.ts";
import type { Case, Hook } from "./twins.ts";
import type { PythonSite } from "../python-site.ts";

export const twinDir = join(import.meta.dirname, "charm");
const definition: CharmDefinition = await definitionOfCharm(twinDir);

/** What a transition came to, in words that mean the same on both sides; a hook that failed leaves what there was. */
export type Result = Readonly<Record<string, unknown>> | "failed";
export interface Transitions {
  readonly results: readonly Result[];
  /** For people: why hooks failed. */
  readonly said: string;
}

/** Fit for both: its hooks are nothing but an event, and no tool's answer is made up. */
export const isTransition = ({ hooks }: Case): boolean =>
  hooks.every(({ env, answers }) => env === undefined && answers === undefined);

export class Scenarios {
  readonly #server: ScenarioServer;

  constructor(ops: PythonSite) {
    this.#server = new ScenarioServer(ops, twinDir);
  }

  stop(): void {
    this.#server.stop();
  }

  async theirs({ given = {}, hooks }: Case): Promise<Transitions> {
    let state: State = given;
    const results: Result[] = [];
    let said = "";
    for (const [n, hook] of hooks.entries()) {
      const world = worldOf({ ...state, ...hook.changes }, definition);
      const { event, script } = hook;
      const answer = await this.#server.ask({ fresh: n === 0, given: world, event, script });
      const { then, failed } = answer as { then?: Record<string, unknown> & Partial<State>; failed?: string };
      said += failed === undefined ? "" : `${failed}\n`;
      results.push(then === undefined ? "failed" : common(then, world));
      if (then !== undefined)
        state = { ...world, ...then, secrets: (then.secrets ?? []).map(withoutNothing) };
    }
    return { results, said };
  }
}

const withoutNothing = (secret: SecretState): SecretState =>
  Object.fromEntries(Object.entries(secret).filter(([, value]) => value !== null)) as unknown as SecretState;

export async function ours({ given = {}, hooks }: Case): Promise<Transitions> {
  let state: State = given;
  const results: Result[] = [];
  let said = "";
  for (const hook of hooks) {
    const world = worldOf({ ...state, ...hook.changes }, definition);
    try {
      const then = await dispatchHook(hook, world);
      state = then;
      results.push(then.exitCode === 0 ? common(plain(then), world) : "failed");
    } catch (error) {
      said += `${String(error)}\n`;
      results.push("failed");
    }
  }
  return { results, said };
}

const dispatchHook = ({ event, script }: Hook, given: State): Promise<Then> =>
  dispatch(TwinCharm, event, given, { definition, fakes: { script, see: () => undefined } });

const plain = ({ deferred, action, ...then }: Then): Record<string, unknown> => ({
  ...then,
  deferred: deferred.map(({ event }) => event),
  action: action === undefined ? null : { ...action, failure: action.failure ?? null },
});

const compared = [
  "openPorts",
  "status",
  "appStatus",
  "workloadVersion",
  "storageRequests",
  "stored",
  "deferred",
  "action",
] as const;

/** Ids of secrets that the hook made are chance: they are named by their order. */
function common(state: Readonly<Record<string, unknown>>, before: State): Result {
  const { relations, secrets, storage } = state as Pick<Then, "relations" | "secrets" | "storage">;
  const known = (before.secrets ?? []).map(({ id }) => id);
  return {
    ...Object.fromEntries(compared.map((key) => [key, state[key] ?? null])),
    // Where it is, is each framework's own to say.
    storage: Object.keys(storage).toSorted(),
    relations: relations
      .map(({ endpoint, id, app, units, appData, ownUnitData, ownAppData }) => ({
        endpoint,
        id,
        app,
        units,
        appData,
        ownUnitData,
        ownAppData,
      }))
      .toSorted((a, b) => a.id - b.id),
    secrets: secrets
      .map((secret) => secretIn(secret, known))
      .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  };
}

const secretIn = (
  { id, owner, label, description, rotate, expiresAt, content, latest, grants }: SecretState,
  known: readonly string[],
): unknown => ({
  id: known.includes(id) ? id : "new",
  owner,
  label: label ?? null,
  description: description ?? null,
  rotate: rotate ?? null,
  expiresAt: expiresAt ?? null,
  content,
  latest: latest ?? null,
  grants: grants ?? [],
});
