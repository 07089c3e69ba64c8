/**
 * Limits of the machine that a node with many pods runs into first (spec k8sd 1.6): raised now, and for the next boot. What
 * a machine does not let itself be told is said and left: a container's limits are its host's.
 */
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import { removeDurably, writeIfChanged } from "../base/files.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";

const LEAST = {
  "fs.inotify.max_user_instances": 1024,
  "fs.inotify.max_user_watches": 1_048_576,
} as const;

const FILE = /^(\d+)-k8s\.conf$/;

/** Writes what is kept for the next boot, and raises what is lower now. */
export async function tune(paths: Paths): Promise<void> {
  try {
    const lines = Object.entries(LEAST).map(([name, value]) => `${name} = ${value}\n`);
    await writeIfChanged(await fileFor(paths), lines.join(""), 0o644);
    for (const [name, least] of Object.entries(LEAST)) await raise(paths, name, least);
  } catch (error) {
    log.warning(`limits of this machine stay as they are: ${messageOf(error)}`);
  }
}

/** The file that is there already, or one that is read after all others. */
async function fileFor({ sysctl }: Paths): Promise<string> {
  const names = await readdir(sysctl).catch(() => [] as string[]);
  const present = names.find((name) => FILE.test(name));
  const last = Math.max(0, ...names.map((name) => Number(/^\d+/.exec(name)?.[0] ?? 0)));
  return join(sysctl, present ?? `${last + 1}-k8s.conf`);
}

async function raise({ root }: Paths, name: string, least: number) {
  const path = join(root || "/", "proc/sys", name.replaceAll(".", "/"));
  if (!existsSync(path) || Number(await readFile(path, "utf8")) >= least) return;
  await writeFile(path, String(least)).catch((error: unknown) =>
    log.info(`${name} stays below ${least}: ${messageOf(error)}`),
  );
}

/** For the next boot; what runs now may have come to count on it. */
export async function untune({ sysctl }: Paths): Promise<void> {
  for (const name of (await readdir(sysctl).catch(() => [] as string[])).filter((one) => FILE.test(one)))
    await removeDurably(join(sysctl, name));
}
