/** Finds one file in a tar by its headers alone, skipping contents: a node package is large, its manifest is not. */
import { open, type FileHandle } from "node:fs/promises";

/** The archive is no tar, or ends early. */
export class DamagedTar extends Error {
  override readonly name = "DamagedTar";
}

const BLOCK = 512;
const LARGEST_FILE = 64 * 1024 * 1024;

/** The bytes of the first member with that name; undefined if there is none. @throws DamagedTar */
export async function readMember(path: string, name: string): Promise<Buffer | undefined> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    return await find(file, size, name);
  } finally {
    await file.close();
  }
}

async function find(file: FileHandle, size: number, name: string): Promise<Buffer | undefined> {
  for (let at = 0; at + BLOCK <= size;) {
    const header = await readAt(file, at, BLOCK);
    if (header.every((byte) => byte === 0)) return undefined;
    const member = parseHeader(header);
    const content = at + BLOCK;
    if (content + member.size > size) throw new DamagedTar(`"${member.name}" is cut off`);
    if (member.isFile && member.name.replace(/^\.\//u, "") === name)
      return contentOf(file, content, member.size);
    at = content + Math.ceil(member.size / BLOCK) * BLOCK;
  }
  throw new DamagedTar("it has no end");
}

function contentOf(file: FileHandle, at: number, size: number): Promise<Buffer> {
  if (size > LARGEST_FILE) throw new DamagedTar(`the file sought has ${size} bytes`);
  return readAt(file, at, size);
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead !== length) throw new DamagedTar("it ends early");
  return buffer;
}

function parseHeader(header: Buffer): { name: string; size: number; isFile: boolean } {
  const stored = Number.parseInt(textAt(header, 148, 8), 8);
  if (stored !== checksum(header)) throw new DamagedTar("a header's checksum is wrong");
  const isUstar = textAt(header, 257, 5) === "ustar";
  const prefix = isUstar ? textAt(header, 345, 155) : "";
  const name = textAt(header, 0, 100);
  const type = String.fromCharCode(header[156] ?? 0);
  return {
    name: prefix ? `${prefix}/${name}` : name,
    size: sizeOf(header),
    isFile: type === "0" || type === "\0",
  };
}

/** Octal text, or binary where the file is larger than octal text can say. */
function sizeOf(header: Buffer): number {
  const isBinary = ((header[124] ?? 0) & 0x80) !== 0;
  const size = isBinary
    ? Number(header.readBigUInt64BE(128))
    : Number.parseInt(textAt(header, 124, 12) || "0", 8);
  if (!Number.isSafeInteger(size) || size < 0) throw new DamagedTar("a header's size is no number");
  return size;
}

/** The sum of all bytes, with spaces in the place of the checksum itself. */
function checksum(header: Buffer): number {
  return header.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 32 : byte), 0);
}

function textAt(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field
    .subarray(0, end === -1 ? length : end)
    .toString("utf8")
    .trim();
}
