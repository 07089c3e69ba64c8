/**
 * Takes secrets out of texts: what this machine's disk is known to hold, word for word, and what looks like a secret wherever
 * it stands. Rather too much than too little.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "@cantrip/k8sd";
import { REMOVED, withoutSecretLooks } from "./looks.ts";

/** A text without secrets. */
export type Redact = (text: string) => string;

export function redactor(known: readonly string[]): Redact {
  const words = [...new Set(known)].filter((word) => word.length >= 16).sort((a, b) => b.length - a.length);
  return (text) => withoutSecretLooks(words.reduce((rest, word) => rest.replaceAll(word, REMOVED), text));
}

/** Every line of this node's private keys, its token key, its encryption keys, and the token of a join under way. */
export function knownSecrets(paths: Paths): string[] {
  const keys = [paths.pki, join(paths.pki, "etcd"), paths.certificates].flatMap(keyFiles);
  const texts = [
    ...keys.map(read),
    read(join(paths.pki, "encryption.json")).replaceAll('"', "\n"),
    read(paths.identity).replaceAll('"', "\n"),
    read(join(paths.kubernetes, "admin.conf")).replaceAll('"', "\n"),
  ];
  const lines = texts.flatMap((text) => text.split("\n").map((line) => line.trim()));
  return lines.filter((line) => /^[A-Za-z0-9+/=_-]{24,}$/.test(line) && !isHarmless(line));
}

/** A credential's id or a cluster's is no secret, and of use in a report. */
const isHarmless = (line: string) => /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(line);

function keyFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".key"))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
