import { open } from "node:fs/promises";
import { join } from "node:path";
import type { CharmBase } from "@cantrip/metadata";
import { PackError } from "./errors.ts";
import type { CharmSource } from "./source.ts";

/** What the archive is for. */
export interface Platform {
  /** The middle of the archive's name. */
  readonly label: string;
  readonly bases: readonly CharmBase[];
}

interface Target {
  readonly label: string;
  readonly base: string;
  readonly architectures: readonly string[];
}

const architectures: Record<string, string> = { x64: "amd64", arm64: "arm64" };

/** This machine's architecture in Debian's words. */
export const hostArchitecture = (): string => architectures[process.arch] ?? process.arch;

/**
 * All that the project wants for one architecture goes into one archive, since nothing in it depends on the base.
 * @throws PackError
 */
export function platformFor({ dir, project }: CharmSource, architecture: string): Platform {
  const file = join(dir, "charmcraft.yaml");
  if (project.bases !== undefined)
    throw new PackError(file, 'the older form is not supported: use "base" and "platforms"', {
      key: "bases",
    });
  const targets = Object.entries(project.platforms ?? {}).map(([label, given]) =>
    targetOf(file, label, given, project.base),
  );
  const fitting = targets.filter((target) => target.architectures.includes(architecture));
  const [first, ...more] = fitting;
  if (first === undefined) {
    const wanted = targets.flatMap((target) => target.architectures).join(", ") || "none";
    throw new PackError(file, `nothing for ${architecture}: it names ${wanted}`, { key: "platforms" });
  }
  const label = more.length === 0 ? first.label.replaceAll(":", "-") : architecture;
  return { label, bases: fitting.map(({ base }) => baseOf(base, architecture)) };
}

type PlatformEntry = { "build-for"?: string | string[]; "build-on"?: string | string[] } | null;

function targetOf(
  file: string,
  label: string,
  given: PlatformEntry,
  projectBase: string | undefined,
): Target {
  const key = `platforms.${label}`;
  if (["*", "any"].includes(label) || label.includes("/"))
    throw new PackError(file, "not a name for a platform", { key });
  const [, ownBase, rest = label] = /^([a-z]+@[0-9.]+):(.+)$/.exec(label) ?? [];
  const base = ownBase ?? projectBase;
  if (base === undefined)
    throw new PackError(file, 'needs a base: either "base" for all, or a name such as "ubuntu@24.04:amd64"', {
      key,
    });
  const buildFor = [given?.["build-for"] ?? given?.["build-on"] ?? rest]
    .flat()
    .map((name) => name.replace(/^.*:/, ""));
  return { label, base, architectures: buildFor };
}

function baseOf(base: string, architecture: string): CharmBase {
  const at = base.indexOf("@");
  return { name: base.slice(0, at), channel: base.slice(at + 1), architectures: [architecture] };
}

/** `e_machine` of ELF by architecture, as far as there are runtimes. */
const machines: Readonly<Record<number, string>> = { 62: "amd64", 183: "arm64" };

/**
 * A runtime of another processor would fail in the unit's first hook. What is no ELF binary says nothing about processors.
 * @throws PackError
 */
export async function checkRuntime(path: string, architecture: string): Promise<void> {
  const file = await open(path);
  try {
    const header = Buffer.alloc(20);
    await file.read(header, 0, header.length, 0);
    const found = header.readUInt32BE(0) === 0x7f454c46 ? machines[header.readUInt16LE(18)] : architecture;
    if (found !== architecture)
      throw new PackError(
        path,
        `a runtime for ${found ?? "another processor"}, expected one for ${architecture}: give one with --node, or pack with --runtime host`,
      );
  } finally {
    await file.close();
  }
}
