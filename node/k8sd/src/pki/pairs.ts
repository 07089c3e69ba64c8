/** A certificate and its key as two files that belong together. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { readIfExists, replaceTogether } from "../base/files.ts";
import type { KeyPair } from "./certificates.ts";

/**
 * Replaces both. Between the two renames the pair does not fit together: who reads it just then tries again, and what a
 * power cut leaves there is found by readPair.
 */
export const writePair = (directory: string, name: string, { certificate, key }: KeyPair): Promise<void> =>
  replaceTogether([
    { path: join(directory, `${name}.key`), content: key },
    { path: join(directory, `${name}.crt`), content: certificate },
  ]);

/** The pair, or undefined if one of the two is missing or they do not fit together. */
export async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  const [certificate, key] = await Promise.all(
    [`${name}.crt`, `${name}.key`].map((file) => readIfExists(join(directory, file))),
  );
  return certificate && key && fit(certificate, key) ? { certificate, key } : undefined;
}

export function fit(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** A pair that must be there. */
export async function requirePair(directory: string, name: string): Promise<KeyPair> {
  const pair = await readPair(directory, name);
  if (pair) return pair;
  const path = join(directory, name);
  throw new Error(`Cannot use ${path}.crt and .key: expected a certificate of this node with its key`);
}
