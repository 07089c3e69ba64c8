/** `status` for people: tables by section (juju.md 6.4). */
import type { FullStatus } from "../../facades/status/wire.ts";
import type { Colour } from "../output.ts";
import { table, type Cell } from "../table.ts";
import type { ApplicationDoc, MachineDoc, StatusDocument, UnitDoc } from "./document.ts";

export type Paint = (colour: Colour, text: string) => string;

export interface TabularOptions {
  readonly relations?: boolean;
  readonly paint?: Paint;
}

export function tabularStatus(
  document: StatusDocument,
  full: FullStatus,
  { relations = false, paint = plain }: TabularOptions = {},
): string {
  const sections = [
    modelSection(document),
    applicationSection(document, paint),
    unitSection(document, paint),
    machineSection(document, paint),
    relations ? relationSection(full) : "",
  ];
  return sections.filter((section) => section !== "").join("\n");
}

const plain: Paint = (_colour, text) => text;

const statusColours: Record<string, Colour> = {
  active: "green",
  started: "green",
  idle: "green",
  running: "green",
  joined: "green",
  blocked: "red",
  error: "red",
  down: "red",
  lost: "red",
  failed: "red",
  "provisioning error": "red",
  waiting: "yellow",
  maintenance: "yellow",
  pending: "yellow",
  allocating: "yellow",
  executing: "yellow",
};
function painted(paint: Paint, status: string): string {
  const colour = statusColours[status];
  return colour ? paint(colour, status) : status;
}

function modelSection({ model, controller }: StatusDocument): string {
  const cloud = model.region === undefined ? model.cloud : `${model.cloud}/${model.region}`;
  const notes = model["model-status"].current === "available" ? undefined : model["model-status"].current;
  const head = [
    "Model",
    "Controller",
    "Cloud/Region",
    "Version",
    "Timestamp",
    ...(notes === undefined ? [] : ["Notes"]),
  ];
  return table(head, [[model.name, model.controller, cloud, model.version, controller.timestamp, notes]]);
}

function applicationSection({ applications }: StatusDocument, paint: Paint): string {
  const entries = Object.entries(applications);
  if (entries.length === 0) return "";
  const head = ["App", "Version", "Status", "Scale", "Charm", "Channel", "Rev", "Exposed", "Message"];
  const rows = entries.map(([name, application]): Cell[] => [
    name,
    cut(application.version ?? "", 15),
    painted(paint, application["application-status"].current),
    scaleOf(applications, name, application),
    application["charm-name"],
    application["charm-channel"],
    application["charm-rev"],
    application.exposed ? "yes" : "no",
    application["application-status"].message,
  ]);
  return table(head, rows, { right: ["Scale", "Rev"] });
}

const cut = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length)}...` : text;

/** `2`, or `1/2` while one of two is not there yet. */
function scaleOf(
  applications: StatusDocument["applications"],
  name: string,
  application: ApplicationDoc,
): string {
  const units = application["subordinate-to"]?.length
    ? subordinateUnits(applications, name)
    : Object.values(application.units ?? {});
  const present = units.filter((unit) => unit["juju-status"].current !== "allocating");
  return present.length === units.length ? String(units.length) : `${present.length}/${units.length}`;
}

function subordinateUnits(applications: StatusDocument["applications"], name: string): UnitDoc[] {
  const principals = Object.values(applications).flatMap((application) =>
    Object.values(application.units ?? {}),
  );
  return principals.flatMap((unit) =>
    Object.entries(unit.subordinates ?? {}).flatMap(([sub, doc]) =>
      sub.startsWith(`${name}/`) ? [doc] : [],
    ),
  );
}

function unitSection({ applications }: StatusDocument, paint: Paint): string {
  const rows = Object.values(applications).flatMap(({ units = {} }) =>
    Object.entries(units).flatMap(([name, unit]) => unitRows(name, unit, paint)),
  );
  const head = ["Unit", "Workload", "Agent", "Machine", "Public address", "Ports", "Message"];
  return rows.length === 0 ? "" : table(head, rows);
}

/** A unit, and its subordinates indented below it. */
function unitRows(name: string, unit: UnitDoc, paint: Paint, indent = ""): Cell[][] {
  const { "workload-status": workload, "juju-status": agent } = unit;
  const row: Cell[] = [
    `${indent}${name}${unit.leader ? "*" : ""}`,
    painted(paint, workload.current),
    painted(paint, agent.current),
    unit.machine,
    unit["public-address"],
    portsText(unit["open-ports"] ?? []),
    agentPrefix(agent) + (workload.message ?? ""),
  ];
  const below = Object.entries(unit.subordinates ?? {});
  return [row, ...below.flatMap(([sub, doc]) => unitRows(sub, doc, paint, `${indent}  `))];
}

/** While a hook runs, its name: `(install) `. */
function agentPrefix({ current, message = "" }: UnitDoc["juju-status"]): string {
  if (current !== "executing") return "";
  const hook = /^running (?<hook>\S+) hook/.exec(message)?.groups?.["hook"] ?? message;
  return hook === "" ? "" : `(${hook}) `;
}

/** `80/tcp 443/tcp` → `80,443/tcp`, grouped by protocol. */
export function portsText(ports: readonly string[]): string {
  const groups = new Map<string, string[]>();
  for (const port of ports) {
    const [numbers = "", protocol = ""] = port.split("/");
    groups.set(protocol, [...(groups.get(protocol) ?? []), numbers]);
  }
  return [...groups]
    .map(([protocol, numbers]) => (protocol === "" ? numbers.join(" ") : `${numbers.join(",")}/${protocol}`))
    .join(" ");
}

function machineSection({ machines }: StatusDocument, paint: Paint): string {
  return Object.keys(machines).length === 0 ? "" : machineTable(machines, paint);
}

export function machineTable(machines: Record<string, MachineDoc>, paint: Paint = plain): string {
  const rows = Object.entries(machines).map(([id, machine]): Cell[] => [
    id,
    painted(paint, machine["juju-status"].current),
    machine["dns-name"],
    machine["instance-id"] ?? "pending",
    machine.base ? `${machine.base.name}@${machine.base.channel}` : "",
    "",
    machine["juju-status"].current === "down"
      ? machine["juju-status"].message
      : machine["machine-status"].message,
  ]);
  return table(["Machine", "State", "Address", "Inst id", "Base", "AZ", "Message"], rows);
}

function relationSection({ relations }: FullStatus): string {
  if (relations.length === 0) return "";
  const rows = relations.map(({ endpoints, interface: iface, scope, status }): Cell[] => {
    const provider = endpoints.find(({ role }) => role !== "requirer") ?? endpoints[0];
    const requirer = endpoints.find(({ role }) => role === "requirer") ?? provider;
    const isPeer = endpoints.length === 1;
    const type = isPeer ? "peer" : scope === "container" ? "subordinate" : "regular";
    const message = ["joined", "joining"].includes(status.status)
      ? status.info
      : `${status.status} ${status.info}`.trim();
    const text = (endpoint: typeof provider): string =>
      endpoint ? `${endpoint.application}:${endpoint.name}` : "";
    return [text(provider), text(requirer), iface, type, message];
  });
  const sorted = rows.toSorted(
    (a, b) => String(a[0]).localeCompare(String(b[0])) || String(a[1]).localeCompare(String(b[1])),
  );
  return table(["Integration provider", "Requirer", "Interface", "Type", "Message"], sorted);
}
