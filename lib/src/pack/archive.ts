import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { ZipFile } from "yazl";
import { type CharmContents, sorted } from "./contents.ts";

/** The first day that zip knows, in the local zone since zip has none: the same bytes wherever and whenever packed. */
const epoch = new Date(1980, 0, 1);
/** Deflate makes little of machine code: level 1 takes a third of the time of level 6. */
const largeFileLevel = 1;

/** Writes the archive whole or not at all. Equal contents give equal bytes. */
export async function writeArchive({ files }: CharmContents, path: string): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  try {
    await writeZip(files, beside);
    await synced(beside);
    await rename(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
}

async function writeZip(files: CharmContents["files"], path: string): Promise<void> {
  const zip = new ZipFile();
  for (const [name, { mode, body }] of sorted(files)) {
    const options = { mtime: epoch, forceDosTimestamp: true, mode: 0o100000 | mode };
    if (Buffer.isBuffer(body)) zip.addBuffer(body, name, { ...options, compressionLevel: 6 });
    else
      zip.addReadStreamLazy(name, { ...options, compressionLevel: largeFileLevel }, (give) =>
        give(null, createReadStream(body.path)),
      );
  }
  zip.end();
  const failure = new Promise<never>((_, reject) => zip.once("error", reject));
  await Promise.race([pipeline(zip.outputStream, createWriteStream(path)), failure]);
}

async function synced(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
