/**
 * The administrator's credential. Its certificate names a group of the present generation, to which rights are bound; a
 * next generation takes every right from all copies of the former at once, which no certificate could.
 */
import { X509Certificate } from "node:crypto";
import { readIfExists } from "../base/files.ts";
import { join } from "node:path";
import type { Paths } from "../base/paths.ts";

export const FIRST_ADMINS = 1;
export const adminGroup = (generation: number) => `k8sd:admins:${generation}`;

/** Generation of this node's admin certificate; undefined if there is none. */
export async function adminGenerationOf(paths: Paths): Promise<number | undefined> {
  const pem = await readIfExists(join(paths.pki, "admin-client.crt"));
  if (pem === undefined) return undefined;
  const found = /^O=k8sd:admins:(\d+)$/m.exec(new X509Certificate(pem).subject)?.[1];
  return found === undefined ? 0 : Number(found);
}
