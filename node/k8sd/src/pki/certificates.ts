/**
 * X.509 for a cluster: authorities, leaves, certificate requests (ECDSA P-256). The library is loaded at the first use,
 * since a daemon in its steady state signs nothing.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

export interface KeyPair {
  /** PEM. */
  readonly certificate: string;
  /** PEM, SEC 1: the one form that every component reads, also where it wants the public half only. */
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

async function importKeys(key: string) {
  const subtle = webcrypto.subtle;
  const pkcs8 = createPrivateKey(key).export({ type: "pkcs8", format: "der" });
  const privateKey = await subtle.importKey("pkcs8", new Uint8Array(pkcs8), ALGORITHM, true, ["sign"]);
  const { d: _d, key_ops: _ops, ...jwk } = await subtle.exportKey("jwk", privateKey);
  const publicKey = await subtle.importKey("jwk", jwk, ALGORITHM, true, ["verify"]);
  return { privateKey, publicKey };
}

const validity = (lifetimeMs: number) => ({
  notBefore: new Date(Date.now() - BACKDATED_MS),
  notAfter: new Date(Date.now() + lifetimeMs),
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
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: nameOf(subject),
    issuer: issuer.subjectName.toJSON(),
    ...validity(Math.min(lifetimeMs, issuer.notAfter.getTime() - Date.now())),
    signingAlgorithm: ALGORITHM,
    publicKey,
    signingKey: (await importKeys(authority.key)).privateKey,
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

/** SHA-256 of a request's public key (hexadecimal): what a join token is bound to. */
export async function requestKeyHash(request: string): Promise<string> {
  const x509 = await library();
  const identifier = await parsed10(x509, request).publicKey.getThumbprint("SHA-256", webcrypto);
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
