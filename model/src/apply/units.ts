import type { UnitEvents } from "../events.ts";
import { amend, copy, own, put } from "../records.ts";
import type { ModelState, Unit, Uniter } from "../state.ts";
import type { Appliers } from "./appliers.ts";

/** What the agent of a unit that has run nothing remembers. */
export const newUniter = (): Uniter => ({
  installed: false,
  started: false,
  stopped: false,
  removed: false,
  leader: false,
  statusSet: false,
  rebooted: false,
  operations: 0,
  woken: false,
  updateStatusDue: false,
  leaderSettingsVersion: 0,
  queued: [],
  relations: {},
  secrets: {},
});

/** What is shown of a unit from the moment that it is asked for. */
export const firstStatuses = (at: number): Pick<Unit, "workloadStatus" | "agentStatus"> => ({
  workloadStatus: { status: "waiting", message: "waiting for machine", since: at },
  agentStatus: { status: "allocating", message: "", since: at },
});

function addUnit(state: ModelState, event: Extract<UnitEvents, { type: "unit-added" }>): void {
  const { unit: name, application, machine, charmUrl, at } = event;
  put(state.units, name, {
    name,
    application,
    life: "alive",
    machine,
    charmUrl,
    ...firstStatuses(at),
    workloadVersion: "",
    openPorts: [],
    charmState: {},
    uniter: newUniter(),
    createdAt: at,
  });
  const owner = own(state.applications, application);
  if (owner) owner.nextUnit = Math.max(owner.nextUnit, Number(name.slice(name.indexOf("/") + 1)) + 1);
}

function removeUnit(state: ModelState, name: string): void {
  delete state.units[name];
  for (const secret of Object.values(state.secrets)) {
    delete secret.consumers[name];
    secret.grants = secret.grants.filter(({ subject }) => subject !== name);
  }
}

const on =
  <Event extends { unit: string }>(change: (unit: Unit, event: Event, state: ModelState) => void) =>
  (state: ModelState, event: Event): void => {
    const unit = own(state.units, event.unit);
    if (unit) change(unit, event, state);
  };

export const unitEvents: Appliers<UnitEvents["type"]> = {
  "unit-added": addUnit,
  "unit-removed": (state, { unit }) => removeUnit(state, unit),
  "unit-life-set": on((unit, { life }) => {
    unit.life = life;
  }),
  "unit-status-set": on((unit, { status, byCharm }) => {
    unit.workloadStatus = copy(status);
    unit.uniter.statusSet ||= byCharm;
  }),
  "unit-agent-set": on((unit, { status }) => {
    unit.agentStatus = copy(status);
  }),
  "workload-version-set": on((unit, { version }, state) => {
    unit.workloadVersion = version;
    const application = own(state.applications, unit.application);
    if (application) application.workloadVersion = version;
  }),
  "unit-resolved-set": on((unit, { resolved }) => {
    unit.resolved = resolved;
  }),
  "unit-ports-set": on((unit, { ports }) => {
    unit.openPorts = copy(ports);
  }),
  "unit-state-set": on((unit, { set, remove }) => amend(unit.charmState, set, remove)),
};
