/** Blobs fetched from the controller: verified, then put in place; a broken transfer is begun again. */
import { createHash } from "node:crypto";
import {
  createWriteStream,
  mkdirSync,
  renameSync,
  rmSync,
  writeFileSync,
  readFileSync,
  existsSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ResourceInfo } from "../api/agent-protocol.ts";
import type { Link } from "./link.ts";

const attempts = 30;

export async function downloadBlob(link: Link, sha256: string, target: string): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.part`;
  for (let attempt = 1; ; attempt++) {
    try {
      const digest = await receive(link, sha256, temporary);
      if (digest !== sha256) throw new Error(`the download's SHA-256 is ${digest}, expected ${sha256}`);
      return renameSync(temporary, target);
    } catch (error) {
      rmSync(temporary, { force: true });
      if (attempt === attempts)
        throw new Error(`cannot download ${sha256} after ${attempts} attempts`, { cause: error });
      await sleep(Math.min(100 * 2 ** attempt, 5_000));
    }
  }
}

async function receive(link: Link, sha256: string, path: string): Promise<string> {
  const hash = createHash("sha256");
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(await link.download(sha256), measure, createWriteStream(path, { mode: 0o600 }));
  return hash.digest("hex");
}

/** The resource's file below `directory`, downloaded if the controller has another one than last time. */
export async function resourceFile(
  link: Link,
  directory: string,
  name: string,
  { sha256, filename }: ResourceInfo,
): Promise<string> {
  const folder = join(directory, name);
  const target = join(folder, filename);
  const mark = join(folder, ".sha256");
  const known = existsSync(target) && existsSync(mark) ? readFileSync(mark, "utf8") : "";
  if (known === sha256) return target;
  rmSync(mark, { force: true });
  await downloadBlob(link, sha256, target);
  writeFileSync(mark, sha256);
  return target;
}
