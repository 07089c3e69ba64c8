/** Writes tar archives (POSIX ustar) whose bytes depend on names, modes and contents only: no owner, no time, order as given. */
import { createReadStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { syncPath } from "@cantrip/components";

export interface TarEntry {
  readonly path: string;
  readonly mode: number;
  /** The bytes, or the file that has them. */
  readonly content: Uint8Array | { readonly file: string; readonly size: number };
}

const block = 512;
const largest = 0o77777777777; // eleven octal digits

function header(name: string, mode: number, size: number): Buffer {
  if (size > largest)
    throw new RangeError(
      `Cannot put ${name} into a tar archive: it has ${size} bytes, the format holds ${largest}`,
    );
  const [prefix, rest] = splitName(name);
  const bytes = Buffer.alloc(block);
  const octal = (value: number, offset: number, width: number) =>
    bytes.write(`${value.toString(8).padStart(width - 1, "0")}\0`, offset, "latin1");
  bytes.write(rest, 0, 100, "utf8");
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  bytes.write("        0", 148, "latin1"); // the checksum counts its own field as blanks; type 0 is a regular file
  bytes.write("ustar\u000000", 257, "latin1");
  bytes.write(prefix, 345, 155, "utf8");
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}

/** A name of more than 100 bytes is cut at a slash into prefix and rest. */
function splitName(name: string): [string, string] {
  if (Buffer.byteLength(name) <= 100) return ["", name];
  for (let cut = name.indexOf("/"); cut > 0; cut = name.indexOf("/", cut + 1)) {
    const [prefix, rest] = [name.slice(0, cut), name.slice(cut + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(rest) <= 100) return [prefix, rest];
  }
  throw new RangeError(`Cannot put ${name} into a tar archive: the name is too long`);
}

const padding = (size: number): Buffer => Buffer.alloc((block - (size % block)) % block);
const end = Buffer.alloc(2 * block);

/** The archive in memory: for small contents such as image layers. */
export function tarBytes(entries: readonly (TarEntry & { readonly content: Uint8Array })[]): Buffer {
  const parts = entries.flatMap(({ path: name, mode, content }) => [
    header(name, mode, content.length),
    content,
    padding(content.length),
  ]);
  return Buffer.concat([...parts, end]);
}

/** Writes the archive to a file, which appears whole or not at all. */
export async function writeTar(out: string, entries: readonly TarEntry[]): Promise<void> {
  const temporary = `${out}.${process.pid}.tmp`;
  const handle = await open(temporary, "w", 0o644);
  try {
    for (const entry of entries) {
      const size = entry.content instanceof Uint8Array ? entry.content.length : entry.content.size;
      await handle.write(header(entry.path, entry.mode, size));
      if (entry.content instanceof Uint8Array) await handle.write(entry.content);
      else await appendFile(handle, entry.content, entry.path);
      await handle.write(padding(size));
    }
    await handle.write(end);
    await handle.sync();
    await handle.close();
    await rename(temporary, out);
    await syncPath(path.dirname(path.resolve(out)));
  } finally {
    await handle.close().catch(() => undefined);
    await rm(temporary, { force: true });
  }
}

async function appendFile(
  handle: Awaited<ReturnType<typeof open>>,
  { file, size }: { file: string; size: number },
  name: string,
): Promise<void> {
  const found = (await stat(file)).size;
  if (found !== size)
    throw new RangeError(`Cannot pack ${name}: ${file} has ${found} bytes, expected ${size}`);
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }))
    await handle.write(chunk as Buffer);
}
