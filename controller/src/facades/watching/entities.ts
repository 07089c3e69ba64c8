/** Every entity of a model as AllWatcher describes it (juju-api.md 6): a pure function, in an order that clients can follow. */
import {
  displayedMachineStatus,
  displayedStatus,
  relationKey,
  type Application,
  type Charm,
  type Machine,
  type ModelState,
  type Relation,
  type Status,
  type Task,
  type Unit,
} from "@cantrip/model";
import type { AgentAlive } from "../status/displayed.ts";
import { modelStatusOf, wireBase, workloadVersion } from "../status/full-status.ts";
import { isSubordinate, unitAddress } from "../status/pieces.ts";
import { machineTag, naturally, optionalTime, own, time } from "../values.ts";

export type EntityKind =
  "model" | "charm" | "machine" | "application" | "unit" | "relation" | "action" | "annotation";
export interface Entity {
  readonly kind: EntityKind;
  readonly id: string;
  readonly data: Record<string, unknown>;
}

export interface WatchContext {
  readonly isAlive: AgentAlive;
  readonly version: string;
  readonly controllerUuid: string;
  readonly annotations: (tag: string) => Record<string, string>;
}

/** A unit comes after its machine and its application. */
export function entitiesOf(state: ModelState, context: WatchContext): Entity[] {
  return [
    { kind: "model", id: state.uuid, data: modelEntity(state, context) },
    ...Object.values(state.charms).map((charm) => entity("charm", charm.url, charmEntity(state, charm))),
    ...Object.values(state.machines)
      .toSorted((a, b) => naturally(a.id, b.id))
      .map((machine) => entity("machine", machine.id, machineEntity(state, machine, context))),
    ...Object.values(state.applications).map((application) =>
      entity("application", application.name, applicationEntity(state, application)),
    ),
    ...Object.values(state.units)
      .toSorted((a, b) => naturally(a.name, b.name))
      .map((unit) => entity("unit", unit.name, unitEntity(state, unit, context))),
    ...Object.values(state.relations).map((relation) =>
      entity("relation", String(relation.id), relationEntity(state, relation)),
    ),
    ...Object.values(state.tasks).map((task) => entity("action", task.id, actionEntity(state, task))),
    ...annotationEntities(state, context),
  ];
}

const entity = (kind: EntityKind, id: string, data: Record<string, unknown>): Entity => ({ kind, id, data });

function statusInfo({ status, message, since, data }: Status, version = ""): Record<string, unknown> {
  return { current: status, message, since: time(since), version, data: { ...data } };
}

function modelEntity(state: ModelState, { version, controllerUuid }: WatchContext): Record<string, unknown> {
  return {
    "model-uuid": state.uuid,
    name: state.name,
    life: state.life,
    owner: state.owner,
    "controller-uuid": controllerUuid,
    "is-controller": false,
    config: { ...state.config },
    status: statusInfo(modelStatusOf(state)),
    constraints: { ...state.constraints },
    sla: { level: "", owner: "" },
    type: "iaas",
    cloud: "local",
    "cloud-region": "default",
    version,
  };
}

function charmEntity(state: ModelState, charm: Charm): Record<string, unknown> {
  return {
    "model-uuid": state.uuid,
    "charm-url": charm.url,
    "charm-version": charm.version ?? "",
    life: "alive",
    profile: null,
    config: Object.fromEntries(
      charm.config.options.flatMap((o) => (o.default === undefined ? [] : [[o.name, o.default]])),
    ),
  };
}

function machineEntity(state: ModelState, machine: Machine, context: WatchContext): Record<string, unknown> {
  const { hardware } = machine;
  return {
    "model-uuid": state.uuid,
    id: machine.id,
    "instance-id": machine.instanceId ?? "",
    "agent-status": statusInfo(
      displayedMachineStatus(machine, context.isAlive(machineTag(machine.id))),
      context.version,
    ),
    "instance-status": statusInfo(machine.instanceStatus),
    life: machine.life,
    base: baseText(machine.base),
    "container-type": "",
    "supported-containers": [],
    "supported-containers-known": true,
    "hardware-characteristics": hardware
      ? {
          arch: hardware.arch,
          mem: hardware.memMiB,
          "cpu-cores": hardware.cores,
          "root-disk": hardware.rootDiskMiB,
        }
      : {},
    "charm-profiles": [],
    jobs: ["JobHostUnits"],
    addresses: machine.addresses.map((value) => ({
      value,
      type: value.includes(":") ? "ipv6" : "ipv4",
      scope: "local-cloud",
      "space-name": "alpha",
    })),
    "has-vote": false,
    "wants-vote": false,
    hostname: machine.hostname,
  };
}

/** `ubuntu@24.04` */
export const baseText = (base: { name: string; channel: string }): string =>
  `${base.name}@${wireBase(base).channel.replace(/\/stable$/, "")}`;

function applicationEntity(state: ModelState, application: Application): Record<string, unknown> {
  const { name, status } = application;
  const unset: Status = { status: "unset", message: "", since: application.createdAt };
  return {
    "model-uuid": state.uuid,
    name,
    exposed: application.exposed,
    "charm-url": application.charmUrl,
    "owner-tag": "",
    life: application.life,
    "min-units": 0,
    constraints: { ...application.constraints },
    config: { ...application.settings },
    subordinate: isSubordinate(state, application),
    status: statusInfo(status ?? unset),
    "workload-version": workloadVersion(state, application),
  };
}

function unitEntity(state: ModelState, unit: Unit, context: WatchContext): Record<string, unknown> {
  const application = own(state.applications, unit.application);
  const { workload, agent } = displayedStatus(state, unit);
  const address = unitAddress(state, unit);
  return {
    "model-uuid": state.uuid,
    name: unit.name,
    application: unit.application,
    base: application ? baseText(application.base) : "",
    "charm-url": unit.charmUrl,
    life: unit.life,
    "public-address": address,
    "private-address": address,
    "machine-id": unit.machine,
    ports: unit.openPorts.map(({ protocol, from }) => ({ protocol, number: from })),
    "port-ranges": unit.openPorts.map(({ protocol, from, to }) => ({
      "from-port": from,
      "to-port": to,
      protocol,
    })),
    principal: unit.principal ?? "",
    subordinate: unit.principal !== undefined,
    "workload-status": statusInfo(workload),
    "agent-status": statusInfo(agent, context.version),
  };
}

function relationEntity(state: ModelState, relation: Relation): Record<string, unknown> {
  return {
    "model-uuid": state.uuid,
    key: relationKey(relation),
    id: relation.id,
    endpoints: relation.endpoints.map(({ application, name, role, interface: iface, scope }) => ({
      "application-name": application,
      relation: { name, role, interface: iface, optional: false, limit: 0, scope },
    })),
  };
}

function actionEntity(state: ModelState, task: Task): Record<string, unknown> {
  return {
    "model-uuid": state.uuid,
    id: task.id,
    receiver: task.receiver,
    name: task.action,
    parameters: { ...task.parameters },
    status: task.status,
    message: task.message,
    results: { ...task.results },
    enqueued: time(task.enqueuedAt),
    started: optionalTime(task.startedAt),
    completed: optionalTime(task.completedAt),
  };
}

function annotationEntities(state: ModelState, { annotations }: WatchContext): Entity[] {
  const tags = [
    `model-${state.uuid}`,
    ...Object.keys(state.applications).map((name) => `application-${name}`),
    ...Object.keys(state.units).map((name) => `unit-${name.replace("/", "-")}`),
    ...Object.keys(state.machines).map((id) => machineTag(id)),
  ];
  return tags
    .map((tag) => ({ tag, values: annotations(tag) }))
    .filter(({ values }) => Object.keys(values).length > 0)
    .map(({ tag, values }) =>
      entity("annotation", tag, { "model-uuid": state.uuid, tag, annotations: values }),
    );
}
