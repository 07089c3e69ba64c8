/** Client.FullStatus as a pure function of a model's state, of who is alive, and of the time. */
import {
  displayedApplicationStatus,
  displayedMachineStatus,
  displayedStatus,
  relationKey,
  type Application,
  type Machine,
  type ModelState,
  type Relation,
  type Status,
  type Unit,
} from "@cantrip/model";
import { machineTag, naturally, own, time } from "../values.ts";
import { unitsOf, type AgentAlive } from "./displayed.ts";
import { constraintsText, hardwareText, isSubordinate, openedPorts, unitAddress } from "./pieces.ts";
import type {
  ApplicationStatus,
  DetailedStatus,
  FullStatus,
  MachineStatus,
  RelationStatus,
  UnitStatus,
} from "./wire.ts";

export interface StatusContext {
  readonly isAlive: AgentAlive;
  /** said as the version of agents and of the model */
  readonly version: string;
  readonly now: number;
}

export function fullStatus(state: ModelState, context: StatusContext): FullStatus {
  return {
    model: modelStatus(state, context),
    machines: mapped(
      Object.values(state.machines),
      ({ id }) => id,
      (m) => machineStatus(m, context),
    ),
    applications: mapped(
      Object.values(state.applications),
      ({ name }) => name,
      (a) => applicationEntry(state, a, context),
    ),
    "remote-applications": {},
    offers: {},
    relations: Object.values(state.relations).map((relation) => relationStatus(state, relation)),
    "controller-timestamp": time(context.now),
    branches: {},
    storage: [],
    filesystems: [],
    volumes: [],
  };
}

function mapped<Entity, Result>(
  entities: Entity[],
  keyOf: (entity: Entity) => string,
  make: (entity: Entity) => Result,
): Record<string, Result> {
  const sorted = entities.toSorted((a, b) => naturally(keyOf(a), keyOf(b)));
  return Object.fromEntries(sorted.map((entity) => [keyOf(entity), make(entity)]));
}

/** `life` is empty while an entity is alive. */
export function detailed(status: Status, { version = "", life = "alive" } = {}): DetailedStatus {
  return {
    status: status.status,
    info: status.message,
    data: { ...status.data },
    since: time(status.since),
    kind: "",
    version,
    life: life === "alive" ? "" : life,
  };
}

export function modelStatusOf(state: ModelState): Status {
  const status = state.life === "alive" ? "available" : "destroying";
  return { status, message: "", since: state.createdAt };
}

function modelStatus(state: ModelState, { version }: StatusContext): FullStatus["model"] {
  return {
    name: state.name,
    type: "iaas",
    "cloud-tag": "cloud-local",
    region: "default",
    version,
    "available-version": "",
    "model-status": detailed(modelStatusOf(state)),
    "meter-status": { color: "", message: "" },
    sla: "",
  };
}

function machineStatus(machine: Machine, { isAlive, version }: StatusContext): MachineStatus {
  const { addresses, life } = machine;
  return {
    "agent-status": detailed(displayedMachineStatus(machine, isAlive(machineTag(machine.id))), {
      version,
      life,
    }),
    "instance-status": detailed(machine.instanceStatus),
    "modification-status": detailed({ status: "idle", message: "", since: machine.createdAt }),
    hostname: machine.hostname,
    "dns-name": addresses[0] ?? "",
    "ip-addresses": [...addresses],
    "instance-id": machine.instanceId ?? "",
    "display-name": "",
    base: wireBase(machine.base),
    id: machine.id,
    "network-interfaces": {},
    containers: {},
    constraints: constraintsText(machine.constraints),
    hardware: hardwareText(machine.hardware),
    jobs: ["JobHostUnits"],
    "has-vote": false,
    "wants-vote": false,
  };
}

/** `24.04` → `24.04/stable`: what Juju's own answers carry. */
export function wireBase({ name, channel }: { name: string; channel: string }): {
  name: string;
  channel: string;
} {
  return { name, channel: channel === "" || channel.includes("/") ? channel : `${channel}/stable` };
}

function applicationEntry(
  state: ModelState,
  application: Application,
  context: StatusContext,
): ApplicationStatus {
  const { name, life } = application;
  const charm = own(state.charms, application.charmUrl);
  const subordinate = isSubordinate(state, application);
  return {
    charm: application.charmUrl,
    "charm-version": charm?.version ?? "",
    "charm-profile": "",
    "charm-channel": "",
    "charm-rev": charm?.revision ?? 0,
    base: wireBase(application.base),
    exposed: application.exposed,
    life: life === "alive" ? "" : life,
    relations: relationsOf(state, name),
    "can-upgrade-to": "",
    "subordinate-to": subordinate ? principalsOf(state, name) : [],
    units: subordinate
      ? null
      : mapped(
          unitsOf(state, name),
          (unit) => unit.name,
          (unit) => unitEntry(state, unit, context),
        ),
    "meter-statuses": null,
    status: detailed(displayedApplicationStatus(state, application), { life }),
    "workload-version": workloadVersion(state, application),
    "endpoint-bindings": { "": "alpha", ...application.bindings },
    "public-address": "",
  };
}

/** Units of one application may differ for the time of an upgrade: the leader's counts, then any. */
export function workloadVersion(
  state: ModelState,
  { name, leader, workloadVersion: set }: Application,
): string {
  if (set) return set;
  const units = unitsOf(state, name);
  const speaker = units.find((unit) => unit.name === leader && unit.workloadVersion !== "");
  return (speaker ?? units.find((unit) => unit.workloadVersion !== ""))?.workloadVersion ?? "";
}

function unitEntry(state: ModelState, unit: Unit, context: StatusContext): UnitStatus {
  const { workload, agent } = displayedStatus(state, unit);
  const application = own(state.applications, unit.application);
  const subordinates = Object.values(state.units).filter(({ principal }) => principal === unit.name);
  return {
    "agent-status": detailed(agent, { version: context.version, life: unit.life }),
    "workload-status": detailed(workload),
    "workload-version": unit.workloadVersion,
    machine: unit.principal === undefined ? unit.machine : "",
    "opened-ports": openedPorts(unit),
    "public-address": unitAddress(state, unit),
    charm: unit.charmUrl === application?.charmUrl ? "" : unit.charmUrl,
    subordinates: mapped(
      subordinates,
      ({ name }) => name,
      (sub) => unitEntry(state, sub, context),
    ),
    ...(application?.leader === unit.name ? { leader: true as const } : {}),
  };
}

/** Endpoint → applications on the other side; a peer relation names its own. */
function relationsOf(state: ModelState, application: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { endpoints } of Object.values(state.relations)) {
    const here = endpoints.find((endpoint) => endpoint.application === application);
    if (!here) continue;
    const other = endpoints.find((endpoint) => endpoint !== here) ?? here;
    found[here.name] = [...new Set([...(found[here.name] ?? []), other.application])].toSorted();
  }
  return found;
}

function principalsOf(state: ModelState, application: string): string[] {
  const container = Object.values(state.relations).filter(({ endpoints }) =>
    endpoints.some((e) => e.application === application && e.scope === "container"),
  );
  const others = container.flatMap(({ endpoints }) => endpoints.map((e) => e.application));
  return [...new Set(others.filter((name) => name !== application))].toSorted();
}

function relationStatus(state: ModelState, relation: Relation): RelationStatus {
  const [first] = relation.endpoints;
  const isContainer = relation.endpoints.some(({ scope }) => scope === "container");
  const isJoined = Object.values(relation.unitBags).some(({ inScope }) => inScope);
  const status = relation.suspended ? "suspended" : isJoined ? "joined" : "joining";
  return {
    id: relation.id,
    key: relationKey(relation),
    interface: first?.interface ?? "",
    scope: isContainer ? "container" : "global",
    endpoints: relation.endpoints.map(({ application, name, role }) => ({
      application,
      name,
      role,
      subordinate: isSubordinate(state, own(state.applications, application)),
    })),
    status: detailed({ status, message: "", since: relation.createdAt }, { life: relation.life }),
  };
}
