import { readFileSync } from "node:fs";
import type { Run } from "../catalogue.ts";
import { clientVersion } from "../protocol.ts";
import { emit } from "../output.ts";

/** Juju's version comes first: it says which client we stand for. */
export const version: Run = async ({ io, options }) => {
  const full = fullVersion();
  const all = { version: full, "git-commit": "", "git-tree-state": "", compiler: `node ${process.version}` };
  emit(io, options, options["all"] === true ? all : full, () =>
    options["all"] === true ? `${JSON.stringify(all)}\n` : `${full}\n`,
  );
};

export function fullVersion(): string {
  return `${clientVersion}-${operatingSystem()}-${process.arch === "arm64" ? "arm64" : "amd64"}`;
}

function operatingSystem(): string {
  try {
    const isUbuntu = /^ID=ubuntu$/m.test(readFileSync("/etc/os-release", "utf8"));
    return isUbuntu ? "ubuntu" : "genericlinux";
  } catch {
    return "genericlinux";
  }
}
