/** The key pair by which the controller's users reach machines: Ed25519, in OpenSSH's file formats. */
import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "./files.ts";

export interface SshKey {
  readonly publicKey: string;
  readonly privateKeyPath: string;
}

/** The pair in `directory`, made at the first call. The public half is written first: a private file always has it. */
export function loadSshKey(directory: string, comment: string): SshKey {
  const privateKeyPath = join(directory, "ssh_id_ed25519");
  const publicKeyPath = `${privateKeyPath}.pub`;
  if (!existsSync(privateKeyPath)) {
    const { publicText, privateText } = makeSshKey(comment);
    writeFileAtomic(publicKeyPath, `${publicText}\n`);
    writeFileAtomic(privateKeyPath, privateText, { mode: 0o600 });
  }
  return { publicKey: readFileSync(publicKeyPath, "utf8").trim(), privateKeyPath };
}

export function makeSshKey(comment: string): { publicText: string; privateText: string } {
  const { privateKey } = generateKeyPairSync("ed25519");
  const seed = Buffer.from(String(privateKey.export({ format: "jwk" }).d), "base64url");
  const point = Buffer.from(String(createPublicKey(privateKey).export({ format: "jwk" }).x), "base64url");
  const blob = Buffer.concat([text("ssh-ed25519"), text(point)]);
  const check = randomBytes(4);
  const section = pad(
    Buffer.concat([
      check,
      check,
      text("ssh-ed25519"),
      text(point),
      text(Buffer.concat([seed, point])),
      text(comment),
    ]),
  );
  const file = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    text("none"),
    text("none"),
    text(""),
    number(1),
    text(blob),
    text(section),
  ]);
  const lines = file.toString("base64").match(/.{1,70}/g) ?? [];
  return {
    publicText: `ssh-ed25519 ${blob.toString("base64")} ${comment}`,
    privateText: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join("\n")}\n-----END OPENSSH PRIVATE KEY-----\n`,
  };
}

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** To a multiple of 8 with 1, 2, 3, … */
function pad(section: Buffer): Buffer {
  const missing = (8 - (section.length % 8)) % 8;
  return Buffer.concat([section, Buffer.from(Array.from({ length: missing }, (_, i) => i + 1))]);
}
