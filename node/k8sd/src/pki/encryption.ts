/**
 * Encryption of Secrets at rest: the API server's configuration with a key that is born at the bootstrap. Every control plane
 * must hold the same file, so it is made once and shared, never made where it is missing.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readIfExists, writeAtomically } from "../base/files.ts";
import type { Paths } from "../base/paths.ts";

export const ENCRYPTION_FILE = "encryption.json";

export async function makeEncryptionConfig({ pki }: Paths): Promise<void> {
  const path = join(pki, ENCRYPTION_FILE);
  if ((await readIfExists(path)) !== undefined) return;
  const key = { name: "key1", secret: randomBytes(32).toString("base64") };
  const config = {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    // What was written before there was a key is still read.
    resources: [{ resources: ["secrets"], providers: [{ secretbox: { keys: [key] } }, { identity: {} }] }],
  };
  await writeAtomically(path, `${JSON.stringify(config)}\n`);
}
