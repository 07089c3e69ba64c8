/** Names and what is derived from them: checked once, where they enter, because they become paths and cgroups. */
import { createHash } from "node:crypto";
import { isAbsolute } from "node:path";
import { MachineInvalid } from "./errors.ts";

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const instance = /^[a-z]([-a-z0-9]{0,22}[a-z0-9])?$/;

/** @throws MachineInvalid */
export function checkMachineName(name: string): void {
  if (label.test(name)) return;
  throw new MachineInvalid(
    `Cannot use ${JSON.stringify(name)} as a machine name: expected a DNS label of at most 63 lower-case letters, digits and inner dashes`,
  );
}

/** @throws MachineInvalid */
export function checkInstanceId(id: string): void {
  if (instance.test(id)) return;
  throw new MachineInvalid(
    `Cannot use ${JSON.stringify(id)} as an instance id: expected a letter, then at most 23 lower-case letters, digits and inner dashes`,
  );
}

/** @throws MachineInvalid */
export function checkBridgeName(bridge: string): void {
  if (/^[a-z][-a-z0-9]{0,14}$/.test(bridge)) return;
  throw new MachineInvalid(
    `Cannot use ${JSON.stringify(bridge)} as a bridge name: expected at most 15 of a-z, 0-9 and -`,
  );
}

/** Paths that go into mount and nspawn options, where `:`, `,` and `\` have a meaning. @throws MachineInvalid */
export function checkPath(what: string, path: string): void {
  const plain = !/[:,\\\s"'\0]/.test(path);
  if (isAbsolute(path) && plain && !path.split("/").includes("..")) return;
  throw new MachineInvalid(
    `Cannot use ${JSON.stringify(path)} as ${what}: expected an absolute path without "..", spaces, quotes, colons, commas and backslashes`,
  );
}

/** nspawn's own name for a machine: unique on the host, short enough that the host's end of its cable is `vb-` + it. */
export function nspawnName(id: string, name: string): string {
  return `m${createHash("sha256").update(`${id}/${name}`).digest("hex").slice(0, 11)}`;
}

export const tableName = (id: string): string => `cantrip-${id}`;
export const unitName = (id: string, name: string): string => `cantrip-machine-${id}-${name}.service`;
