/** The other two ways to print a status: a line per unit, and numbers. */
import { table } from "../table.ts";
import type { StatusDocument, UnitDoc } from "./document.ts";
import { portsText } from "./tabular.ts";

/** `- web/0: 10.1.2.3 (agent:idle, workload:active) 80/tcp` */
export function shortStatus({ applications }: StatusDocument): string {
  const lines = Object.values(applications).flatMap(({ units = {} }) =>
    Object.entries(units).flatMap(([name, unit]) => unitLines(name, unit)),
  );
  return lines.map((line) => `${line}\n`).join("");
}

function unitLines(name: string, unit: UnitDoc, indent = ""): string[] {
  const states = `(agent:${unit["juju-status"].current}, workload:${unit["workload-status"].current})`;
  const ports = portsText(unit["open-ports"] ?? []);
  const line = `${indent}- ${name}: ${unit["public-address"] ?? ""} ${states}${ports === "" ? "" : ` ${ports}`}`;
  const below = Object.entries(unit.subordinates ?? {});
  return [line, ...below.flatMap(([sub, doc]) => unitLines(sub, doc, `${indent}  `))];
}

export function summaryStatus({ applications, machines }: StatusDocument): string {
  const units = Object.values(applications).flatMap((application) => Object.values(application.units ?? {}));
  const ports = new Set(units.flatMap((unit) => unit["open-ports"] ?? []));
  return [
    `Open Ports: ${portsText([...ports])}\n`,
    counted(
      "# Machines",
      Object.values(machines).map((machine) => machine["juju-status"].current),
    ),
    counted(
      "# Units",
      units.map((unit) => unit["workload-status"].current),
    ),
    table(
      ["# Applications", String(Object.keys(applications).length)],
      Object.entries(applications).map(([name, { units: all = {}, exposed }]) => [
        name,
        `${Object.keys(all).length}  ${exposed ? "exposed" : ""}`.trim(),
      ]),
    ),
  ].join("\n");
}

function counted(title: string, statuses: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  return table(
    [title, String(statuses.length)],
    [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([status, count]) => [status, count]),
  );
}
