/**
 * What one `up` decided, kept beside the state so that the next `up` resumes with the same: an instance is one controller,
 * its machines, bridge and client files. Tests and benchmarks use instances of their own.
 */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Paths } from "./paths.ts";
import type { Ranges } from "./ranges.ts";

export interface Settings {
  readonly instance: string;
  readonly model: string;
  readonly workers: number;
  readonly ranges: Ranges;
  readonly apiPort: number;
  readonly offline: boolean;
}

/** `cantrip`, or a name of the same form: it becomes part of a bridge, a firewall table, control groups and units. */
export function instanceName(env: NodeJS.ProcessEnv = process.env): string {
  const name = env["CANTRIP_INSTANCE"] || "cantrip";
  if (/^[a-z][a-z0-9-]{0,13}$/.test(name)) return name;
  throw new Error(
    `Cannot use CANTRIP_INSTANCE=${JSON.stringify(name)}: expected up to 14 lower-case letters, digits and hyphens`,
  );
}

export const settingsFile = "up.json";
const file = (paths: Paths): string => join(paths.state, settingsFile);

export async function readSettings(paths: Paths): Promise<Settings | undefined> {
  try {
    return JSON.parse(await readFile(file(paths), "utf8")) as Settings;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(
      `Cannot read ${file(paths)}, which says what runs on this host: ${(error as Error).message}; restore it from a backup, or correct it by hand`,
      { cause: error },
    );
  }
}

export async function writeSettings(paths: Paths, settings: Settings): Promise<void> {
  await mkdir(dirname(file(paths)), { recursive: true, mode: 0o711 });
  const temporary = `${file(paths)}.tmp`;
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(settings, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file(paths));
}
