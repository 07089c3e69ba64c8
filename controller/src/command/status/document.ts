/** The document that `status --format json` prints (juju.md 6.3), made of Client.FullStatus. */
import type {
  ApplicationStatus,
  DetailedStatus,
  FullStatus,
  MachineStatus,
  RelationStatus,
  UnitStatus,
} from "../../facades/status/wire.ts";
import { displayClock, displayTime } from "../times.ts";

export interface StatusDoc {
  current: string;
  message?: string;
  since?: string;
  version?: string;
  life?: string;
}
export interface UnitDoc {
  "workload-status": StatusDoc;
  "juju-status": StatusDoc;
  leader?: true;
  "upgrading-from"?: string;
  machine?: string;
  "open-ports"?: string[];
  "public-address"?: string;
  subordinates?: Record<string, UnitDoc>;
}
export interface RelationDoc {
  "related-application": string;
  interface: string;
  scope: string;
}
export interface ApplicationDoc {
  charm: string;
  base?: { name: string; channel: string };
  "charm-origin": string;
  "charm-name": string;
  "charm-rev": number;
  "charm-channel"?: string;
  "charm-version"?: string;
  exposed: boolean;
  life?: string;
  "application-status": StatusDoc;
  relations?: Record<string, RelationDoc[]>;
  "subordinate-to"?: string[];
  units?: Record<string, UnitDoc>;
  version?: string;
  "endpoint-bindings"?: Record<string, string>;
}
export interface MachineDoc {
  "juju-status": StatusDoc;
  hostname?: string;
  "dns-name"?: string;
  "ip-addresses"?: string[];
  "instance-id"?: string;
  "machine-status": StatusDoc;
  "modification-status": StatusDoc;
  base?: { name: string; channel: string };
  "network-interfaces"?: object;
  constraints?: string;
  hardware?: string;
}
export interface StatusDocument {
  model: {
    name: string;
    type: string;
    controller: string;
    cloud: string;
    region?: string;
    version: string;
    "model-status": StatusDoc;
  };
  machines: Record<string, MachineDoc>;
  applications: Record<string, ApplicationDoc>;
  storage: object;
  controller: { timestamp: string };
}

export interface DocumentContext {
  readonly controller: string;
  readonly utc: boolean;
}

export function statusDocument(full: FullStatus, context: DocumentContext): StatusDocument {
  const { model } = full;
  return {
    model: {
      name: model.name,
      type: model.type,
      controller: context.controller,
      cloud: model["cloud-tag"].replace(/^cloud-/, ""),
      ...filled({ region: model.region }),
      version: model.version,
      "model-status": statusDoc(model["model-status"], context),
    },
    machines: mapped(full.machines, (machine) => machineDoc(machine, context)),
    applications: mapped(full.applications, (application, name) =>
      applicationDoc(full, name, application, context),
    ),
    storage: {},
    controller: { timestamp: displayClock(full["controller-timestamp"], context) },
  };
}

function mapped<Value, Result>(
  all: Record<string, Value>,
  make: (value: Value, key: string) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, make(value, key)]));
}

/** Optional keys are left out when there is nothing in them. */
function filled<Fields extends Record<string, string | readonly unknown[] | object | undefined>>(
  fields: Fields,
): Partial<Fields> {
  const isFull = (value: unknown): boolean =>
    typeof value === "object" && value !== null
      ? Object.keys(value).length > 0
      : value !== undefined && value !== "";
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isFull(value))) as Partial<Fields>;
}

function statusDoc(
  { status, info, since, version, life }: DetailedStatus,
  context: DocumentContext,
): StatusDoc {
  return { current: status, ...filled({ message: info, since: displayTime(since, context), version, life }) };
}

/** `24.04/stable` is shown as `24.04`. */
const baseDoc = ({
  name,
  channel,
}: {
  name: string;
  channel: string;
}): { name: string; channel: string } => ({
  name,
  channel: channel.replace(/\/stable$/, ""),
});

function machineDoc(machine: MachineStatus, context: DocumentContext): MachineDoc {
  return {
    "juju-status": statusDoc(machine["agent-status"], context),
    ...filled({
      hostname: machine.hostname,
      "dns-name": machine["dns-name"],
      "ip-addresses": machine["ip-addresses"],
      "instance-id": machine["instance-id"],
    }),
    "machine-status": statusDoc(machine["instance-status"], context),
    "modification-status": statusDoc(machine["modification-status"], context),
    base: baseDoc(machine.base),
    ...filled({
      "network-interfaces": machine["network-interfaces"],
      constraints: machine.constraints,
      hardware: machine.hardware,
    }),
  };
}

const charmUrl = /^(?:(?<schema>[a-z]+):)?(?:.*\/)?(?<name>[a-z][a-z0-9-]*?)(?:-(?<revision>\d+))?$/;

function applicationDoc(
  full: FullStatus,
  name: string,
  application: ApplicationStatus,
  context: DocumentContext,
): ApplicationDoc {
  const parts = charmUrl.exec(application.charm)?.groups;
  const isLocal = parts?.["schema"] === "local";
  const charmName = parts?.["name"] ?? application.charm;
  return {
    charm: isLocal ? application.charm : charmName,
    base: baseDoc(application.base),
    "charm-origin": isLocal ? "local" : "charmhub",
    "charm-name": charmName,
    "charm-rev": Number(parts?.["revision"] ?? application["charm-rev"]),
    ...filled({
      "charm-channel": application["charm-channel"],
      "charm-version": application["charm-version"],
    }),
    exposed: application.exposed,
    ...filled({ life: application.life }),
    "application-status": statusDoc(application.status, context),
    ...filled({
      relations: relationDocs(full.relations, name),
      "subordinate-to": application["subordinate-to"],
    }),
    ...(application.units === null
      ? {}
      : filled({ units: mapped(application.units, (unit) => unitDoc(unit, context)) })),
    ...filled({
      version: application["workload-version"],
      "endpoint-bindings": application["endpoint-bindings"],
    }),
  };
}

/** Endpoint → who is at the other end; a peer relation lists its own application. */
function relationDocs(
  relations: readonly RelationStatus[],
  application: string,
): Record<string, RelationDoc[]> {
  const docs: Record<string, RelationDoc[]> = {};
  for (const { endpoints, interface: iface, scope } of relations) {
    const here = endpoints.find((endpoint) => endpoint.application === application);
    if (!here) continue;
    const other = endpoints.find((endpoint) => endpoint !== here) ?? here;
    (docs[here.name] ??= []).push({ "related-application": other.application, interface: iface, scope });
  }
  return docs;
}

function unitDoc(unit: UnitStatus, context: DocumentContext): UnitDoc {
  return {
    "workload-status": statusDoc(unit["workload-status"], context),
    "juju-status": statusDoc(unit["agent-status"], context),
    ...(unit.leader ? { leader: true as const } : {}),
    ...filled({
      "upgrading-from": unit.charm,
      machine: unit.machine,
      "open-ports": unit["opened-ports"],
      "public-address": unit["public-address"],
      subordinates: mapped(unit.subordinates, (subordinate) => unitDoc(subordinate, context)),
    }),
  };
}
