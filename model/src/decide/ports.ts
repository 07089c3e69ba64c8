import type { Draft } from "../draft.ts";
import { findUnit, unitsOnMachine } from "../entities.ts";
import { ModelError } from "../errors.ts";
import type { HookChanges, PortRange } from "../hook-changes.ts";
import { isSame } from "../records.ts";

/** @throws ModelError when a range is another unit's on the same machine, or overlaps with one of its own */
export function commitPorts(draft: Draft, name: string, changes: HookChanges["ports"] | undefined): void {
  const { openPorts, machine } = findUnit(draft.state, name);
  const close = changes?.close ?? [];
  let ports = openPorts.filter((port) => !close.some((closed) => closes(closed, port)));
  for (const range of changes?.open ?? []) {
    refuseConflict(
      range,
      name,
      ports.map((port) => ({ port, unit: name })),
    );
    const others = unitsOnMachine(draft.state, machine).filter((unit) => unit.name !== name);
    refuseConflict(
      range,
      name,
      others.flatMap((unit) => unit.openPorts.map((port) => ({ port, unit: unit.name }))),
    );
    if (!ports.some((port) => isSame(port, range))) ports = [...ports, range];
  }
  if (!isSame(ports, openPorts))
    draft.emit({ type: "unit-ports-set", unit: name, ports: [...ports].sort(byRange) });
}

const isRange = (a: PortRange, b: PortRange): boolean =>
  a.protocol === b.protocol && a.from === b.from && a.to === b.to;

const closes = (closed: PortRange, port: PortRange): boolean =>
  isRange(closed, port) && (closed.endpoint === "" || closed.endpoint === port.endpoint);

function refuseConflict(
  range: PortRange,
  unit: string,
  taken: readonly { port: PortRange; unit: string }[],
): void {
  for (const other of taken) {
    const { port } = other;
    const isShared = range.protocol === port.protocol && range.from <= port.to && port.from <= range.to;
    if (!isShared || (other.unit === unit && isRange(range, port))) continue;
    const [a, b] = [`${portText(port)} ("${other.unit}")`, `${portText(range)} ("${unit}")`];
    throw new ModelError(
      "bad request",
      `cannot open ${portText(range)} (unit "${unit}"): port ranges ${a} and ${b} conflict`,
    );
  }
}

const byRange = (a: PortRange, b: PortRange): number =>
  a.protocol.localeCompare(b.protocol, "en") ||
  a.from - b.from ||
  a.to - b.to ||
  (a.endpoint < b.endpoint ? -1 : 1);

/** `80/tcp`, `8000-8100/udp`, `icmp` */
export function portText({ from, to, protocol }: PortRange): string {
  if (protocol === "icmp") return "icmp";
  return from === to ? `${from}/${protocol}` : `${from}-${to}/${protocol}`;
}
