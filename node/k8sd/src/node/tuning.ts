/**
 * Limits of the machine that a node with many pods runs into first (spec k8sd 1.6): raised now, and for the next boot. What
 * a machine does not let itself be told is said and left: a container's limits are its host's. Never lowers one, and never
 * touches a file of someone else.
 */
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import { readIfExists, removeDurably, writeIfChanged } from "../base/files.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";

const LEAST = {
  "fs.inotify.max_user_instances": 1024,
  "fs.inotify.max_user_watches": 1_048_576,
} as const;

/** The first line of our file; `remove` of the package knows it, too. */
export const MARK = "# Written by k8sd, which replaces and deletes this file as long as this line is here.";

/** Read after 99-sysctl.conf, the machine's own: the order is that of the names, in which 100 comes before 99. */
const OURS = "99-zz-k8s.conf";
const isOurName = (name: string) => name.endsWith("-k8s.conf");
const isMarked = (text: string) => text.split("\n", 1)[0] === MARK;

/** Writes what is kept for the next boot, and raises what is lower now. */
export async function tune(paths: Paths): Promise<void> {
  try {
    const wanted = await Promise.all(
      Object.entries(LEAST).map(async ([name, least]) => [name, await wantedOf(paths, name, least)] as const),
    );
    await keep(join(paths.sysctl, OURS), wanted.map(([name, value]) => `${name} = ${value}\n`).join(""));
    for (const [name, value] of wanted) await raise(paths, name, value);
  } catch (error) {
    log.warning(`limits of this machine stay as they are: ${messageOf(error)}`);
  }
}

/** At the start of the daemon: once more if it was done. Where an operator declined, or deleted our file, it stays so. */
export async function retune(paths: Paths): Promise<void> {
  if ((await ourFiles(paths)).length > 0) await tune(paths);
}

async function keep(path: string, lines: string) {
  const present = await readIfExists(path);
  if (present === undefined || isMarked(present)) await writeIfChanged(path, `${MARK}\n${lines}`, 0o644);
  else log.warning(`${path} is not ours and stays as it is; limits are raised until the next boot only`);
}

/** As our file is read last, it must not lower what holds now, or what others want. */
async function wantedOf(paths: Paths, name: string, least: number): Promise<number> {
  const files = (await filesIn(paths)).filter((file) => file.endsWith(".conf") && file !== OURS);
  // A link may lead nowhere.
  const texts = await Promise.all(
    files.map((file) => readFile(join(paths.sysctl, file), "utf8").catch(() => "")),
  );
  const line = new RegExp(`^\\s*-?${name.replaceAll(".", "[./]")}\\s*=\\s*(\\d+)\\s*$`, "gm");
  const set = texts.flatMap((text) => [...text.matchAll(line)].map(([, value]) => Number(value)));
  return Math.max(least, await presentValue(paths, name), ...set);
}

const kernelFile = ({ root }: Paths, name: string) =>
  join(root || "/", "proc/sys", name.replaceAll(".", "/"));

async function presentValue(paths: Paths, name: string): Promise<number> {
  return Number(await readFile(kernelFile(paths, name), "utf8").catch(() => "0")) || 0;
}

async function raise(paths: Paths, name: string, value: number) {
  const path = kernelFile(paths, name);
  if (!existsSync(path) || (await presentValue(paths, name)) >= value) return;
  await writeFile(path, String(value)).catch((error: unknown) =>
    log.info(`${name} stays below ${value}: ${messageOf(error)}`),
  );
}

const filesIn = async ({ sysctl }: Paths): Promise<string[]> => {
  const entries = await readdir(sysctl, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
};

async function ourFiles(paths: Paths): Promise<string[]> {
  const candidates = (await filesIn(paths)).filter(isOurName).map((name) => join(paths.sysctl, name));
  const texts = await Promise.all(candidates.map(readIfExists));
  return candidates.filter((_, at) => isMarked(texts[at] ?? ""));
}

/** For the next boot; what runs now may have come to count on it. */
export async function untune(paths: Paths): Promise<void> {
  for (const path of await ourFiles(paths)) await removeDurably(path);
}
