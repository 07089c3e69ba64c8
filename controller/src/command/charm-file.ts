/** A local charm as a command line names it, checked before anything is sent. */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { describeCharm, type CharmDescription } from "../charm-archive.ts";
import { ApiError } from "../facade.ts";
import { CommandError } from "./errors.ts";

export interface LocalCharm extends CharmDescription {
  readonly path: string;
}

/** @throws CommandError that says why it is no charm that can be deployed */
export async function localCharm(text: string, cwd: string): Promise<LocalCharm> {
  const path = resolve(cwd, text);
  const isPath = /^\.{0,2}\//.test(text) || (text.endsWith(".charm") && existsSync(path));
  if (!isPath) throw new CommandError(notAPath(text, path));
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new CommandError(`cannot deploy "${text}": there is no such file`);
  if (found.isDirectory()) {
    throw new CommandError(
      `cannot deploy "${text}": it is a directory, expected a packed .charm file: pack the charm first`,
    );
  }
  if (/\.ya?ml$/.test(text))
    throw new CommandError(
      `cannot deploy "${text}": bundles are not supported yet, deploy its charms one by one`,
    );
  try {
    return { ...(await describeCharm(path)), path };
  } catch (cause) {
    if (cause instanceof ApiError)
      throw new CommandError(`"${text}" is no charm: ${cause.message}`, { cause });
    throw cause;
  }
}

function notAPath(text: string, path: string): string {
  if (existsSync(path))
    return `the charm or bundle "${text}" is ambiguous: to deploy a local charm, run "cantrip deploy ./${text}"`;
  return `charm "${text}" not found: there is no charm store here; deploy a local .charm file by its path, such as ./${text}.charm`;
}
