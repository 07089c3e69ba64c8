/**
 * The controller's own CA and server certificate. Keys and certificates are files of the state directory (0600); the
 * library that makes them is loaded only when one has to be made.
 */
import { createPrivateKey, webcrypto, X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { writeFileAtomic } from "../files.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 24 * 3_600_000;
const caDays = 3_650;
const serverDays = 397;
/** names that Juju's clients verify, whatever address they dialled */
const constantNames = ["juju-apiserver", "localhost", "anything"];

export interface KeyPair {
  /** PEM */
  readonly certificate: string;
  readonly key: string;
}

/** The CA, made at the first start. */
export async function loadAuthority(directory: string, name: string): Promise<KeyPair> {
  return readPair(directory, "ca") ?? savePair(directory, "ca", await makeAuthority(name));
}

/** A server certificate for `addresses`: the one on disk if it fits and lasts another 30 days, else a new one. */
export async function loadServerCertificate(
  directory: string,
  authority: KeyPair,
  addresses: readonly string[],
): Promise<KeyPair> {
  const found = readPair(directory, "server");
  if (found && fits(found, authority, addresses)) return found;
  return savePair(directory, "server", await makeServerCertificate(authority, addresses));
}

export function fits(
  { certificate }: KeyPair,
  authority: KeyPair,
  addresses: readonly string[],
  now = Date.now(),
): boolean {
  const x509 = new X509Certificate(certificate);
  const lasts = Date.parse(x509.validTo) - now > 30 * dayMs;
  const signed = x509.verify(new X509Certificate(authority.certificate).publicKey);
  const named = addresses.every((a) => (isIP(a) ? x509.checkIP(a) : x509.checkHost(a)) !== undefined);
  return lasts && signed && named;
}

async function makeAuthority(name: string): Promise<KeyPair> {
  const { x509, keys } = await tools();
  const pair = await keys();
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=cantrip-ca, O=${name.replace(/[^A-Za-z0-9 -]/g, "")}`,
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + caDays * dayMs),
    signingAlgorithm: algorithm,
    keys: pair,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(pair.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await privatePem(pair.privateKey) };
}

async function makeServerCertificate(authority: KeyPair, addresses: readonly string[]): Promise<KeyPair> {
  const { x509, keys } = await tools();
  const pair = await keys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const now = Date.now();
  const names = [...new Set([...constantNames, ...addresses])];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=juju-apiserver",
    issuer: issuer.subject,
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + serverDays * dayMs),
    signingAlgorithm: algorithm,
    publicKey: pair.publicKey,
    signingKey: await importKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) ? ("ip" as const) : ("dns" as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await privatePem(pair.privateKey) };
}

async function tools() {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto);
  const keys = async () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  return { x509, keys };
}

async function privatePem(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({
    format: "pem",
    type: "pkcs8",
  });
}

async function importKey(pem: string): Promise<CryptoKey> {
  const der = createPrivateKey(pem).export({ format: "der", type: "pkcs8" });
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}

/** One file for both: a certificate on disk always has its key. */
function savePair(directory: string, name: string, { key, certificate }: KeyPair): KeyPair {
  const pair = {
    key: `${key.trim()}
`,
    certificate: `${certificate.trim()}
`,
  };
  writeFileAtomic(join(directory, `${name}.pem`), pair.key + pair.certificate, { mode: 0o600 });
  return pair;
}

function readPair(directory: string, name: string): KeyPair | undefined {
  const path = join(directory, `${name}.pem`);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  const key = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n/.exec(text)?.[0];
  const certificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n/.exec(text)?.[0];
  if (!key || !certificate)
    throw new Error(`cannot use "${path}": expected a private key and a certificate in PEM`);
  return { key, certificate };
}
