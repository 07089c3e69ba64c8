/**
 * X.509 for a cluster: authorities, leaves, certificate requests (ECDSA P-256). The library is loaded at the first use,
 * since a daemon in its steady state signs nothing.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
  X509Certificate,
  type KeyObject,
} from "node:crypto";
import { isIP } from "node:net";
import { now } from "../base/clock.ts";

export interface KeyPair {
  /** PEM. */
  readonly certificate: string;
  /** PEM, SEC 1 (or PKCS#1): the forms that every component reads, also where it wants the public half only. */
  readonly key: string;
}
export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}
export interface Profile {
  readonly subject: Subject;
  readonly names?: readonly string[];
  readonly usages: readonly ("client" | "server")[];
}
export interface Request {
  readonly key: string;
  /** PEM. */
  readonly request: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;
/** Of a leaf, unless its caller wants another; they refresh by themselves (renewal.ts). */
export const LEAF_LIFETIME_MS = 365 * DAY_MS;
const AUTHORITY_LIFETIME_MS = 20 * 365 * DAY_MS;
/** Certificates are valid from a while ago: clocks of machines differ by an hour, and by some seconds more. */
export const BACKDATED_MS = 2 * 3_600_000;

async function library() {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** A new private key, PEM (SEC 1). */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return privateKey.export({ type: "sec1", format: "pem" });
}

/** By the name that a key has of its curve; an authority that was brought along may be on another than ours. */
const CURVES: Readonly<Record<string, { name: string; namedCurve: string; hash: string }>> = {
  prime256v1: ALGORITHM,
  secp384r1: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  secp521r1: { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" },
};
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

export const isKnownCurve = ({ asymmetricKeyDetails }: KeyObject): boolean =>
  Object.hasOwn(CURVES, asymmetricKeyDetails?.namedCurve ?? "");

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject) {
  const found = asymmetricKeyType === "rsa" ? RSA : CURVES[asymmetricKeyDetails?.namedCurve ?? ""];
  if (!found)
    throw new Error(
      `Cannot sign with a key of type ${asymmetricKeyType}: expected RSA, or ECDSA on a NIST curve`,
    );
  return found;
}

async function importKeys(pem: string) {
  const { subtle } = webcrypto;
  const key = createPrivateKey(pem);
  const algorithm = algorithmOf(key);
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey("pkcs8", new Uint8Array(pkcs8), algorithm, true, ["sign"]),
    subtle.importKey("spki", new Uint8Array(spki), algorithm, true, ["verify"]),
  ]);
  return { privateKey, publicKey, algorithm };
}

const validity = (lifetimeMs: number) => ({
  notBefore: new Date(now() - BACKDATED_MS),
  notAfter: new Date(now() + lifetimeMs),
});
const serialNumber = () => `00${randomBytes(15).toString("hex")}`;
const nameOf = ({ commonName, organizations = [] }: Subject) => [
  { CN: [commonName] },
  ...organizations.map((organization) => ({ O: [organization] })),
];

/** A new self-signed certificate authority. */
export async function createAuthority(commonName: string): Promise<KeyPair> {
  const x509 = await library();
  const key = newKey();
  const keys = await importKeys(key);
  const usages =
    x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: nameOf({ commonName }),
    ...validity(AUTHORITY_LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(usages, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key };
}

/** A new key with a certificate for it. */
export async function issue(
  authority: KeyPair,
  profile: Profile,
  lifetimeMs = LEAF_LIFETIME_MS,
): Promise<KeyPair> {
  const key = newKey();
  const { publicKey } = await importKeys(key);
  return { certificate: await certify(authority, publicKey, profile, lifetimeMs), key };
}

async function certify(
  authority: KeyPair,
  publicKey: CryptoKey,
  { subject, names = [], usages }: Profile,
  lifetimeMs: number,
) {
  const x509 = await library();
  const issuer = new x509.X509Certificate(authority.certificate);
  const purposes = usages.map(
    (usage) => x509.ExtendedKeyUsage[usage === "client" ? "clientAuth" : "serverAuth"],
  );
  const alternatives = names.map((name) => ({
    type: isIP(name) ? ("ip" as const) : ("dns" as const),
    value: name,
  }));
  const { privateKey, algorithm } = await importKeys(authority.key);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: nameOf(subject),
    issuer: issuer.subjectName.toJSON(),
    ...validity(Math.min(lifetimeMs, issuer.notAfter.getTime() - now())),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(purposes),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...(alternatives.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternatives)] : []),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

/** A certificate request for an existing key; what it may become is the signer's decision. */
export async function requestFor(key: string, commonName: string): Promise<string> {
  const x509 = await library();
  const keys = await importKeys(key);
  const name = nameOf({ commonName });
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return `${request.toString("pem")}\n`;
}

/**
 * Signs the public key of a request. Subject and names come from the caller's profile, never from the request.
 * @throws TypeError if it is no request or its signature does not fit its key
 */
export async function signRequest(
  authority: KeyPair,
  request: string,
  profile: Profile,
  lifetimeMs = LEAF_LIFETIME_MS,
): Promise<string> {
  const x509 = await library();
  const parsed = parsed10(x509, request);
  if (!(await parsed.verify().catch(() => false)))
    throw new TypeError("Cannot sign a certificate request: its signature does not fit its key");
  const publicKey = await parsed.publicKey.export(ALGORITHM, ["verify"]);
  return certify(authority, publicKey, profile, lifetimeMs);
}

function parsed10(x509: Awaited<ReturnType<typeof library>>, request: string) {
  try {
    return new x509.Pkcs10CertificateRequest(request);
  } catch (cause) {
    throw new TypeError(
      "Cannot sign a certificate request: expected PEM of a PKCS#10 request with a P-256 key",
      { cause },
    );
  }
}

/**
 * SHA-256 of a request's public key (hexadecimal): what a join token is bound to. Its signature shows that whoever asks holds
 * the key: the public half is shown to everyone. @throws TypeError
 */
export async function requestKeyHash(request: string): Promise<string> {
  const x509 = await library();
  const parsed = parsed10(x509, request);
  if (!(await parsed.verify().catch(() => false)))
    throw new TypeError("Cannot take a certificate request: its signature does not fit its key");
  const identifier = await parsed.publicKey.getThumbprint("SHA-256", webcrypto);
  return Buffer.from(identifier).toString("hex");
}

/** The public key of a request: SubjectPublicKeyInfo, DER. */
export async function requestPublicKey(request: string): Promise<Buffer> {
  const x509 = await library();
  return Buffer.from(parsed10(x509, request).publicKey.rawData);
}

/** SHA-256 of a certificate (hexadecimal, lower case). */
export const fingerprintOf = (certificate: string): string =>
  new X509Certificate(certificate).fingerprint256.replaceAll(":", "").toLowerCase();

export interface CertificateFacts {
  /** Valid from here on, backdated. */
  readonly begins: Date;
  readonly expires: Date;
  readonly issuer: string;
  readonly commonName: string;
}

export function factsOf(certificate: string): CertificateFacts {
  const parsed = new X509Certificate(certificate);
  const commonName = (name: string) => /^CN=(.*)$/m.exec(name)?.[1] ?? "";
  return {
    begins: new Date(parsed.validFrom),
    expires: new Date(parsed.validTo),
    issuer: commonName(parsed.issuer),
    commonName: commonName(parsed.subject),
  };
}
