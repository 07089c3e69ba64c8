/**
 * The file of a snapshot: a readable head, then a document and the data, encrypted and authenticated in pieces under a key
 * derived from a passphrase. A piece carries its place and whether it is the last: none can be left out, moved or appended.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
  scrypt,
  type BinaryLike,
  type ScryptOptions,
} from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";

const MAGIC = "cantrip-snapshot 1\n";
const PIECE_BYTES = 1024 * 1024;
const TAG_BYTES = 16;
const HEAD_LIMIT = 4096;
/** The document holds a few keys and certificates. */
const DOCUMENT_LIMIT = 4 * 1024 * 1024;
const KDF = { name: "scrypt", N: 32_768, r: 8, p: 1 } as const;

interface Head {
  readonly kdf: { readonly name: string; readonly N: number; readonly r: number; readonly p: number };
  readonly salt: string;
}

/** The file is none of ours, was changed, or the passphrase is another. */
export class BadSnapshot extends Error {
  override readonly name = "BadSnapshot";
}

function keyFrom(passphrase: string, { kdf, salt }: Head): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options: ScryptOptions = { N: kdf.N, r: kdf.r, p: kdf.p, maxmem: 256 * kdf.N * kdf.r };
  const secret: BinaryLike = passphrase.normalize("NFKC");
  scrypt(secret, Buffer.from(salt, "base64"), 32, options, (error, key) =>
    error ? reject(error) : resolve(key),
  );
  return promise;
}

/** Place of a piece: 11 bytes of its number, one that says whether it is the last. */
function nonceOf(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** Writes FILE whole or not at all; returns the SHA-256 of what was written. */
export async function sealFile(
  target: string,
  passphrase: string,
  document: object,
  dataFile: string,
): Promise<string> {
  const making = `${target}.${process.pid}.tmp`;
  const out = await open(making, "wx", 0o600);
  const digest = createHash("sha256");
  const write = async (chunk: Buffer) => {
    digest.update(chunk);
    await out.write(chunk);
  };
  try {
    const head: Head = { kdf: KDF, salt: randomBytes(16).toString("base64") };
    const headText = Buffer.from(`${MAGIC}${JSON.stringify(head)}\n`);
    await write(headText);
    const key = await keyFrom(passphrase, head);
    let index = 0;
    for await (const { bytes, isLast } of pieces(plainOf(document, dataFile))) {
      const cipher = createCipheriv("aes-256-gcm", key, nonceOf(index, isLast)).setAAD(headText);
      await write(Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]));
      index += 1;
    }
    await out.sync();
    await out.close();
    await rename(making, target);
    return digest.digest("hex");
  } catch (error) {
    await out.close().catch(() => undefined);
    await rm(making, { force: true });
    throw error;
  }
}

/** The document behind its length, then the data. */
async function* plainOf(document: object, dataFile: string): AsyncGenerator<Buffer> {
  const text = Buffer.from(JSON.stringify(document));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  yield Buffer.concat([length, text]);
  const file = await open(dataFile, "r");
  try {
    yield* file.createReadStream({ highWaterMark: PIECE_BYTES, autoClose: false }) as AsyncIterable<Buffer>;
  } finally {
    await file.close();
  }
}

/** Pieces of full size, but the last. */
async function* pieces(chunks: AsyncIterable<Buffer>): AsyncGenerator<{ bytes: Buffer; isLast: boolean }> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length > PIECE_BYTES; rest = rest.subarray(PIECE_BYTES))
      yield { bytes: rest.subarray(0, PIECE_BYTES), isLast: false };
  }
  yield { bytes: rest, isLast: true };
}

/** Where the parts go; both are written aside first. */
export interface SnapshotParts {
  readonly document: string;
  readonly data: string;
}

/** @throws BadSnapshot; then nothing was written */
export async function unsealFile(file: string, passphrase: string, parts: SnapshotParts): Promise<object> {
  const source = await open(file, "r");
  const making = { document: `${parts.document}.tmp`, data: `${parts.data}.tmp` };
  try {
    const data = await open(making.data, "w", 0o600);
    let document: object;
    try {
      document = await unseal(source, passphrase, data);
      await data.sync();
    } finally {
      await data.close();
    }
    const out = await open(making.document, "w", 0o600);
    await out.writeFile(JSON.stringify(document));
    await out.sync();
    await out.close();
    await rename(making.data, parts.data);
    await rename(making.document, parts.document);
    return document;
  } finally {
    await source.close();
    for (const path of Object.values(making)) await rm(path, { force: true });
  }
}

async function unseal(source: FileHandle, passphrase: string, data: FileHandle): Promise<object> {
  const { head, headText } = await readHead(source);
  const key = await keyFrom(passphrase, head);
  const { size } = await source.stat();
  const whole = PIECE_BYTES + TAG_BYTES;
  let at = headText.length;
  let index = 0;
  let pending = Buffer.alloc(0);
  let document: object | undefined;
  while (at < size) {
    const length = Math.min(whole, size - at);
    const isLast = at + length === size;
    const sealed = Buffer.alloc(length);
    await source.read(sealed, 0, length, at);
    let plain = opened(key, sealed, nonceOf(index, isLast), headText);
    if (!document) {
      pending = Buffer.concat([pending, plain]);
      const end = pending.length >= 4 ? 4 + pending.readUInt32BE() : Infinity;
      if (end !== Infinity && end > DOCUMENT_LIMIT) throw new BadSnapshot("its document is too large");
      plain = Buffer.alloc(0);
      if (pending.length >= end) {
        document = JSON.parse(pending.subarray(4, end).toString("utf8")) as object;
        plain = pending.subarray(end);
      }
    }
    await data.write(plain);
    at += length;
    index += 1;
  }
  if (!document) throw new BadSnapshot("Cannot open the snapshot: it ends before its document does");
  return document;
}

function opened(key: Buffer, sealed: Buffer, nonce: Buffer, aad: Buffer): Buffer {
  try {
    const split = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad);
    decipher.setAuthTag(sealed.subarray(split));
    return Buffer.concat([decipher.update(sealed.subarray(0, split)), decipher.final()]);
  } catch (cause) {
    throw new BadSnapshot(
      "Cannot open the snapshot: the passphrase is another, or the file was cut or changed",
      { cause },
    );
  }
}

async function readHead(source: FileHandle): Promise<{ head: Head; headText: Buffer }> {
  const buffer = Buffer.alloc(HEAD_LIMIT);
  const { bytesRead } = await source.read(buffer, 0, HEAD_LIMIT, 0);
  const text = buffer.subarray(0, bytesRead).toString("latin1");
  const end = text.indexOf("\n", MAGIC.length);
  if (!text.startsWith(MAGIC) || end < 0)
    throw new BadSnapshot("Cannot open the snapshot: expected a file that k8s snapshot save has made");
  const head = parsedHead(text.slice(MAGIC.length, end));
  return { head, headText: buffer.subarray(0, end + 1) };
}

function parsedHead(text: string): Head {
  try {
    const head = JSON.parse(text) as Head;
    const { name, N, r, p } = head.kdf;
    // Others would make opening it cost more memory than this machine may have.
    if (name === KDF.name && N === KDF.N && r === KDF.r && p === KDF.p && typeof head.salt === "string")
      return head;
  } catch {
    // Said below.
  }
  throw new BadSnapshot("Cannot open the snapshot: its head is damaged, or of a later version");
}
