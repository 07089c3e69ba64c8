/** A disk that is soon full, for a module of its own process; gone with it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../src/run.ts";

const mounted = 'mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" --input-type=module -e "$3" "$1"';

const tools = `import fs from "node:fs";
const folder = process.argv[1];
const fill = () => { try { for (;;) fs.appendFileSync(folder + "/fill", "x".repeat(4096)); } catch {} };
const free = () => fs.rmSync(folder + "/fill");
const attempt = (work) => work().then(() => "done", (error) => error.message.replaceAll(folder, "DISK"));
`;

/**
 * Runs a module whose disk of 256 KiB is at `folder`; it has fill(), free(), attempt(work) and fs, and answers with one
 * console.log of JSON.
 */
export async function onSmallDisk(source: string): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), "small-disk-"));
  try {
    const argv = ["unshare", "--mount", "--propagation=private", "--", "sh", "-c", mounted, "sh", folder];
    return JSON.parse(await must([...argv, process.execPath, `${tools}${source}`], { timeoutMs: 120_000 }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
