import { isApplicationName, named } from "@cantrip/metadata";
import type { CommandOf, Deciders, Draft } from "../draft.ts";
import { findApplication, findCharm, findMachine } from "../entities.ts";
import { ModelError } from "../errors.ts";
import { own } from "../records.ts";
import type { Application, Base } from "../state.ts";
import { setResources } from "./charms.ts";
import { addPeerRelations } from "./integrate.ts";
import { addMachine } from "./machines.ts";
import { refuseUnlessAlive } from "./model.ts";
import { typedSettings } from "./options.ts";
import { addRequiredStorage } from "./storage.ts";
import { refuseBase, refuseUnsupported } from "./support.ts";

/** More at once is a slip of the hand. */
const mostUnitsAtOnce = 1000;

export const deployCommands: Pick<Deciders, "deploy" | "add-unit"> = {
  deploy: (draft, command) => {
    refuseUnlessAlive(draft);
    const { application: name, units, placement = [] } = command;
    refuseName(draft, name);
    const charm = findCharm(draft.state, command.charmUrl);
    refuseUnsupported(draft.state, charm);
    refuseBase(charm, command.base);
    refuseBindings(charm.metadata, command.bindings ?? {});
    draft.emit({ type: "application-added", application: newApplication(draft, command) });
    setResources(draft, name, charm, command.resources ?? {}, true);
    addPeerRelations(draft, name, charm);
    addUnits(draft, name, units, placement);
  },
  "add-unit": (draft, { application: name, count, placement = [] }) => {
    refuseUnlessAlive(draft);
    const application = findApplication(draft.state, name);
    if (application.life !== "alive")
      throw new ModelError(
        "bad request",
        `cannot add unit to application "${name}": application is not alive`,
      );
    if (count < 1) throw new ModelError("bad request", "must add at least one unit");
    addUnits(draft, name, count, placement);
  },
};

function refuseName(draft: Draft, name: string): void {
  if (!isApplicationName(name))
    throw new ModelError("bad request", `invalid application name ${JSON.stringify(name.slice(0, 80))}`);
  if (own(draft.state.applications, name))
    throw new ModelError("already exists", `cannot add application "${name}": application already exists`);
}

/** There is one space, with every address in it. */
function refuseBindings(
  metadata: { endpoints: readonly { name: string }[]; extraBindings: readonly string[] },
  bindings: Record<string, string>,
): void {
  for (const [endpoint, space] of Object.entries(bindings)) {
    const isKnown =
      endpoint === "" || named(metadata.endpoints, endpoint) || metadata.extraBindings.includes(endpoint);
    if (!isKnown) throw new ModelError("bad request", `endpoint ${JSON.stringify(endpoint)} not found`);
    if (space !== "alpha") throw new ModelError("not found", `space ${JSON.stringify(space)} not found`);
  }
}

function newApplication({ state, now }: Draft, command: CommandOf<"deploy">): Application {
  const charm = findCharm(state, command.charmUrl);
  return {
    name: command.application,
    life: "alive",
    charmUrl: command.charmUrl,
    charmModifiedVersion: 0,
    base: command.base,
    settings: typedSettings(charm, command.settings ?? {}),
    trust: command.trust ?? false,
    exposed: false,
    constraints: command.constraints ?? {},
    bindings: command.bindings ?? {},
    resources: {},
    workloadVersion: "",
    nextUnit: 0,
    leaderSettings: { values: {}, version: 0 },
    createdAt: now,
  };
}

function addUnits(draft: Draft, name: string, count: number, placement: readonly string[]): void {
  if (!Number.isSafeInteger(count) || count < 0 || count > mostUnitsAtOnce)
    throw new ModelError(
      "bad request",
      `cannot add ${String(count)} units at once: expected 0 to ${mostUnitsAtOnce}`,
    );
  if (placement.length > count)
    throw new ModelError(
      "bad request",
      `cannot place ${count} units: got ${placement.length} placement directives`,
    );
  for (let index = 0; index < count; index += 1) addUnit(draft, name, placement[index]);
}

function addUnit(draft: Draft, name: string, directive: string | undefined): void {
  const { base, charmUrl, constraints, nextUnit } = findApplication(draft.state, name);
  const machine = placed(draft, directive, base, constraints);
  const unit = `${name}/${nextUnit}`;
  draft.emit({ type: "unit-added", unit, application: name, machine, charmUrl, at: draft.now });
  addRequiredStorage(draft, unit);
  const isStarted = draft.state.machines[machine]?.agentStatus.status === "started";
  if (!isStarted) return;
  const status = { status: "waiting", message: "installing agent", since: draft.now } as const;
  draft.emit({ type: "unit-status-set", unit, status, byCharm: false });
}

/** Without a directive, and with `new`, each unit gets a machine of its own. */
function placed(
  draft: Draft,
  directive: string | undefined,
  base: Base,
  constraints: Record<string, unknown>,
): string {
  if (directive === undefined || directive === "" || directive === "new")
    return addMachine(draft, { base, constraints, madeForUnit: true });
  if (!/^\d+$/.test(directive))
    throw new ModelError(
      "not implemented",
      `placement ${JSON.stringify(directive)} is not implemented: expected a machine id`,
    );
  const machine = findMachine(draft.state, directive);
  if (machine.life !== "alive") throw new ModelError("bad request", `machine ${machine.id} is not alive`);
  return machine.id;
}
