/** Charm archives and resources, by SHA-256, on disk: a blob is there whole or not at all. */
import { createHash, randomBytes } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ApiError } from "../facade.ts";
import { syncDirectory } from "../files.ts";
import type { BlobInfo, Blobs } from "../models.ts";

export class BlobMismatch extends ApiError {}

export class BlobStore implements Blobs {
  readonly #blobs: string;
  readonly #incoming: string;

  constructor(directory: string) {
    this.#blobs = join(directory, "sha256");
    this.#incoming = join(directory, "incoming");
    mkdirSync(this.#blobs, { recursive: true, mode: 0o700 });
    // What a killed controller was receiving is of no use to anyone.
    rmSync(this.#incoming, { recursive: true, force: true });
    mkdirSync(this.#incoming, { mode: 0o700 });
  }

  async put(
    source: Readable | string,
    expected: { sha256?: string; sha384?: string; maxBytes?: number } = {},
  ): Promise<BlobInfo> {
    const temporary = join(this.#incoming, randomBytes(8).toString("hex"));
    try {
      const info = await receive(
        typeof source === "string" ? createReadStream(source) : source,
        temporary,
        expected.maxBytes,
      );
      check("SHA-256", expected.sha256, info.sha256);
      check("SHA-384", expected.sha384, info.sha384);
      if (!this.has(info.sha256)) renameSync(temporary, this.path(info.sha256));
      syncDirectory(this.#blobs);
      return info;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  has(sha256: string): boolean {
    return isDigest(sha256) && existsSync(this.path(sha256));
  }

  open(sha256: string, range: { start?: number; end?: number } = {}): Readable {
    return createReadStream(this.path(sha256), range);
  }

  /** @throws ApiError when `sha256` is no digest */
  path(sha256: string): string {
    if (!isDigest(sha256))
      throw new ApiError("bad request", `"${sha256.slice(0, 80)}" is not a SHA-256 digest`);
    return join(this.#blobs, sha256);
  }

  /** Deletes blobs that nothing names any more. */
  retain(names: ReadonlySet<string>): void {
    for (const name of readdirSync(this.#blobs))
      if (!names.has(name)) rmSync(join(this.#blobs, name), { force: true });
  }
}

async function receive(
  source: Readable,
  path: string,
  maxBytes = Number.MAX_SAFE_INTEGER,
): Promise<BlobInfo> {
  const [sha256, sha384] = [createHash("sha256"), createHash("sha384")];
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      sha256.update(chunk);
      sha384.update(chunk);
      done(
        size > maxBytes ? new ApiError("bad request", `the upload is larger than ${maxBytes} bytes`) : null,
        chunk,
      );
    },
  });
  await pipeline(source, measure, createWriteStream(path, { flags: "wx", mode: 0o600 }));
  const file = await open(path, "r");
  await file.sync();
  await file.close();
  return { sha256: sha256.digest("hex"), sha384: sha384.digest("hex"), size };
}

function check(name: string, expected: string | undefined, found: string): void {
  if (expected !== undefined && expected.toLowerCase() !== found) {
    throw new BlobMismatch("bad request", `the upload's ${name} is ${found}, expected ${expected}`);
  }
}

function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
