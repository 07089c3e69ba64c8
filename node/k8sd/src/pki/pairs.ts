/** A certificate and its key as two files that belong together. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { readIfExists, removeDurably, replaceTogether, writeAtomically } from "../base/files.ts";
import type { KeyPair } from "./certificates.ts";

const nextOf = (directory: string, name: string) => join(directory, `${name}.next`);

/**
 * Replaces both. The new pair lies whole beside them first: who is killed between the two renames, where the old key is gone
 * and nobody would sign another one for it, finishes them at the next start (finishPair).
 */
export async function writePair(directory: string, name: string, pair: KeyPair): Promise<void> {
  await writeAtomically(nextOf(directory, name), JSON.stringify(pair));
  await replacePair(directory, name, pair);
}

async function replacePair(directory: string, name: string, { certificate, key }: KeyPair): Promise<void> {
  await replaceTogether([
    { path: join(directory, `${name}.key`), content: key },
    { path: join(directory, `${name}.crt`), content: certificate },
  ]);
  await removeDurably(nextOf(directory, name));
}

/** Ends a replacement that was broken off. */
export async function finishPair(directory: string, name: string): Promise<void> {
  const text = await readIfExists(nextOf(directory, name));
  if (text !== undefined) await replacePair(directory, name, JSON.parse(text) as KeyPair);
}

/** The pair, or undefined if one of the two is missing or they do not fit together. */
export async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  const [certificate, key] = await Promise.all(
    [`${name}.crt`, `${name}.key`].map((file) => readIfExists(join(directory, file))),
  );
  return certificate && key && fit(certificate, key) ? { certificate, key } : undefined;
}

function fit(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** A certificate that must be there, whose key is kept elsewhere. */
export async function requireCertificate(
  directory: string,
  name: string,
): Promise<Pick<KeyPair, "certificate">> {
  const path = join(directory, `${name}.crt`);
  const certificate = await readIfExists(path);
  if (certificate === undefined) throw new Error(`Cannot use ${path}: expected a certificate`);
  return { certificate };
}

/** A pair that must be there. */
export async function requirePair(directory: string, name: string): Promise<KeyPair> {
  const pair = await readPair(directory, name);
  if (pair) return pair;
  const path = join(directory, name);
  throw new Error(`Cannot use ${path}.crt and .key: expected a certificate of this node with its key`);
}
