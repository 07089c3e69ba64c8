/** Small texts of a status: ports, hardware, constraints, addresses, charm versions. */
import { portText, type Application, type ModelState, type Unit } from "@cantrip/model";
import { own } from "../values.ts";

/** `80/tcp`, `8000-8010/udp`, `icmp`; without repeats, sorted by protocol and number. */
export function openedPorts(unit: Unit): string[] {
  const sorted = unit.openPorts.toSorted((a, b) => a.protocol.localeCompare(b.protocol) || a.from - b.from);
  return [...new Set(sorted.map(portText))];
}

const sizes = new Set(["mem", "root-disk"]);

/** `arch=amd64 mem=4096M`, keys in alphabetical order. */
export function constraintsText(constraints: Readonly<Record<string, unknown>>): string {
  return Object.entries(constraints)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([key, value]) =>
        `${key}=${Array.isArray(value) ? value.join(",") : String(value)}${sizes.has(key) ? "M" : ""}`,
    )
    .join(" ");
}

export function hardwareText(hardware: ModelState["machines"][string]["hardware"]): string {
  if (!hardware) return "";
  const { arch, cores, memMiB, rootDiskMiB } = hardware;
  return `arch=${arch} cores=${cores} mem=${memMiB}M root-disk=${rootDiskMiB}M`;
}

/** The address that others reach a unit by: the first of its machine. */
export function unitAddress(state: ModelState, unit: Unit): string {
  return own(state.machines, unit.machine)?.addresses[0] ?? "";
}

export function isSubordinate(state: ModelState, application: Application | undefined): boolean {
  return (
    application !== undefined && (own(state.charms, application.charmUrl)?.metadata.subordinate ?? false)
  );
}
