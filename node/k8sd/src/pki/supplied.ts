/**
 * Certificates and keys that an operator brings along (spec k8sd 2.2). An authority without its key is managed elsewhere:
 * everything that it would sign has to be brought, too. What the components would only stumble over later is found here.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { now } from "../base/clock.ts";
import { ApiError } from "../base/errors.ts";
import { writeAtomically } from "../base/files.ts";
import type { AuthorityName, Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { isKnownCurve, type KeyPair } from "./certificates.ts";
import { AUTHORITIES, readAuthorityCertificates } from "./cluster.ts";
import type { Leaf } from "./leaves.ts";
import { writePair } from "./pairs.ts";
import { leavesOf } from "./status.ts";

/** `NAME-crt` and `NAME-key` of each of these; other keys are of no interest here. */
export type Supplied = Readonly<Record<string, unknown>>;

/** How a bootstrap configuration calls an authority, and how messages do. */
const SUPPLIED_AUTHORITIES = {
  ca: { authority: "kubernetes", words: "kubernetes CA" },
  "client-ca": { authority: "client", words: "kubernetes client CA" },
  "front-proxy-ca": { authority: "frontProxy", words: "front proxy CA" },
  "etcd-ca": { authority: "etcd", words: "etcd CA" },
} as const satisfies Record<string, { authority: AuthorityName; words: string }>;
type AuthorityKey = keyof typeof SUPPLIED_AUTHORITIES;
const AUTHORITY_KEYS = Object.keys(SUPPLIED_AUTHORITIES) as AuthorityKey[];

/** Names of leaves in configurations are those of their files, but for etcd's. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  "etcd/server": "etcd-server",
  "etcd/peer": "etcd-peer",
  "apiserver-etcd-client": "etcd-apiserver-client",
};
const suppliedName = ({ file }: Pick<Leaf, "file">) => OTHER_NAMES[file] ?? file;
/** Those of k8sd itself are nobody else's. */
const isSuppliable = ({ file, authority }: Leaf) => authority !== "k8sd" && !file.startsWith("k8sd-");

const textOf = (config: Supplied, key: string): string | undefined => {
  const value = config[key];
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** Authorities whose certificate is brought without its key. */
export const externalAuthoritiesOf = (config: Supplied): AuthorityName[] =>
  AUTHORITY_KEYS.filter((key) => textOf(config, `${key}-crt`) && !textOf(config, `${key}-key`)).map(
    (key) => SUPPLIED_AUTHORITIES[key].authority,
  );

/** Those among some leaves that are brought, by the names that certs-status has. */
export const suppliedAmong = (config: Supplied, leaves: readonly Leaf[]): string[] =>
  leaves
    .filter((leaf) => isSuppliable(leaf) && textOf(config, `${suppliedName(leaf)}-crt`))
    .map(({ name }) => name);

export interface Circumstances {
  /** Every certificate that the node needs. */
  readonly leaves: readonly Leaf[];
  readonly node: Pick<Identity, "name" | "address">;
  /** Certificates (PEM) of the authorities that are known; what an unknown one signed is not looked at. */
  readonly authorities: Readonly<Partial<Record<AuthorityName, string>>>;
  readonly external: readonly AuthorityName[];
  /** Files of leaves that came with what all control planes share. */
  readonly shared?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Of a bootstrap configuration, whose authorities are known from it alone. */
export function problemsOfBootstrapCertificates(
  config: Supplied,
  leaves: readonly Leaf[],
  node: Circumstances["node"],
  now: number,
): string[] {
  const found = AUTHORITY_KEYS.flatMap((key) => {
    const pem = textOf(config, `${key}-crt`);
    return pem === undefined ? [] : [[SUPPLIED_AUTHORITIES[key].authority, pem] as const];
  });
  const authorities: Circumstances["authorities"] = Object.fromEntries(found);
  const orphans = leaves.filter(
    (leaf) =>
      isSuppliable(leaf) &&
      textOf(config, `${suppliedName(leaf)}-crt`) &&
      authorities[leaf.authority] === undefined,
  );
  return [
    ...AUTHORITY_KEYS.flatMap((key) => problemsOfAuthority(config, key, now)),
    ...problemsOfServiceAccountKey(config),
    ...orphans.map(
      (leaf) => `${suppliedName(leaf)}-crt: what signed it is missing: ${keyOfAuthority(leaf)}-crt`,
    ),
    ...problemsOfLeaves(config, { leaves, node, authorities, external: externalAuthoritiesOf(config), now }),
  ];
}

const keyOfAuthority = ({ authority }: Leaf) =>
  AUTHORITY_KEYS.find((key) => SUPPLIED_AUTHORITIES[key].authority === authority)!;

function problemsOfAuthority(config: Supplied, key: AuthorityKey, now: number): string[] {
  const [pem, privateKey] = [textOf(config, `${key}-crt`), textOf(config, `${key}-key`)];
  if (pem === undefined)
    return privateKey === undefined
      ? []
      : [
          `${SUPPLIED_AUTHORITIES[key].words} key is set without a certificate, fail to prevent causing issues`,
        ];
  const certificate = parsedCertificate(pem);
  if (!certificate) return [`${key}-crt: expected a certificate in PEM`];
  return [
    ...(certificate.ca ? [] : [`${key}-crt: is no certificate of an authority (CA:TRUE)`]),
    ...problemsOfTime(`${key}-crt`, certificate, now),
    ...(privateKey === undefined ? [] : problemsOfKey(key, privateKey, certificate)),
  ];
}

function problemsOfServiceAccountKey(config: Supplied): string[] {
  const key = textOf(config, "service-account-key");
  return key === undefined || isUsable(parsedKey(key)) ? [] : [`service-account-key: ${USABLE_KEY}`];
}

/**
 * Names of the certificates in an update of a running node's. @throws ApiError 400 if one of them cannot be taken, or one is
 * missing that nobody here can make
 */
export async function checkedUpdate(paths: Paths, identity: Identity, config: Supplied): Promise<string[]> {
  const leaves = leavesOf(identity);
  const names = suppliedAmong(config, leaves);
  const problems = problemsOfLeaves(config, {
    leaves,
    node: identity,
    authorities: await readAuthorityCertificates(paths, identity),
    external: identity.externalAuthorities,
    now: now(),
  });
  // A worker makes none itself, and half a set would not say who renews the other half.
  const missing =
    identity.role === "worker"
      ? leaves.filter((leaf) => isSuppliable(leaf) && !names.includes(leaf.name))
      : [];
  const all = [
    ...new Set([...problems, ...missing.map((leaf) => `${suppliedName(leaf)} certificate not specified`)]),
  ];
  if (names.length === 0) all.unshift("no certificate is given");
  if (all.length > 0) throw new ApiError(400, `Cannot take the certificates: ${all.join("; ")}`);
  return names;
}

/** Of the leaves that are brought, and of those that are missing though nobody here can sign them. */
export function problemsOfLeaves(config: Supplied, circumstances: Circumstances): string[] {
  return circumstances.leaves
    .filter(isSuppliable)
    .flatMap((leaf) => problemsOfLeaf(config, leaf, circumstances));
}

function problemsOfLeaf(config: Supplied, leaf: Leaf, circumstances: Circumstances): string[] {
  const name = suppliedName(leaf);
  const [pem, key] = [textOf(config, `${name}-crt`), textOf(config, `${name}-key`)];
  if (pem === undefined && key === undefined)
    return circumstances.external.includes(leaf.authority) && !circumstances.shared?.includes(leaf.file)
      ? [
          `using an external ${SUPPLIED_AUTHORITIES[keyOfAuthority(leaf)].words} without providing the ${name} certificate is not possible`,
        ]
      : [];
  if (pem === undefined) return [`${name}-key is set without ${name}-crt`];
  if (key === undefined) return [`${name}-crt is set without ${name}-key`];
  const certificate = parsedCertificate(pem);
  if (!certificate) return [`${name}-crt: expected a certificate in PEM`];
  return [
    ...problemsOfKey(name, key, certificate),
    ...problemsOfTime(`${name}-crt`, certificate, circumstances.now),
    ...problemsOfIssuer(`${name}-crt`, certificate, circumstances.authorities[leaf.authority]),
    ...problemsOfPurpose(`${name}-crt`, certificate, leaf),
    ...problemsOfSubject(`${name}-crt`, certificate, leaf),
    ...problemsOfNames(`${name}-crt`, certificate, namesNeeded(leaf, circumstances.node)),
  ];
}

function problemsOfKey(name: string, pem: string, certificate: X509Certificate): string[] {
  const key = parsedKey(pem);
  if (!isUsable(key)) return [`${name}-key: ${USABLE_KEY}`];
  return certificate.checkPrivateKey(key) ? [] : [`${name}-key: does not belong to ${name}-crt`];
}

function problemsOfTime(name: string, { validFrom, validTo }: X509Certificate, now: number): string[] {
  if (Date.parse(validTo) <= now) return [`${name}: ended at ${validTo}`];
  return Date.parse(validFrom) > now ? [`${name}: begins only at ${validFrom}`] : [];
}

function problemsOfIssuer(
  name: string,
  certificate: X509Certificate,
  authority: string | undefined,
): string[] {
  const issuer = authority === undefined ? undefined : parsedCertificate(authority);
  if (!issuer) return [];
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
    ? []
    : [`${name}: was not signed by the authority ${oneLine(issuer.subject)}`];
}

const PURPOSES = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;

function problemsOfPurpose(name: string, certificate: X509Certificate, { usages }: Leaf): string[] {
  // Undefined where the certificate does not restrict its purposes, whatever the declaration says.
  const allowed = certificate.keyUsage as readonly string[] | undefined;
  const missing = usages.filter((usage) => allowed && !allowed.includes(PURPOSES[usage]));
  return missing.map((usage) => `${name}: its extended key usage lacks ${usage}Auth`);
}

/** Users that Kubernetes knows by name; an administrator may be anyone, and a server is known by its names. */
const ANYONE: ReadonlySet<string> = new Set(["admin-client", "apiserver-kubelet-client"]);

function problemsOfSubject(name: string, certificate: X509Certificate, leaf: Leaf): string[] {
  if (!leaf.usages.includes("client") || leaf.authority === "etcd" || ANYONE.has(leaf.file)) return [];
  const lines = certificate.subject?.split("\n") ?? [];
  const { commonName, organizations = [] } = leaf.subject;
  // What names a credential, or a generation of administrators, is ours to write and to do without.
  const wanted = [
    `CN=${commonName}`,
    ...organizations.filter((one) => one.startsWith("system:")).map((one) => `O=${one}`),
  ];
  const missing = wanted.filter((line) => !lines.includes(line));
  return missing.length === 0 ? [] : [`${name}: its subject lacks ${missing.join(", ")}`];
}

function namesNeeded({ file }: Leaf, { name, address }: Circumstances["node"]): string[] {
  switch (file) {
    case "apiserver":
      return ["kubernetes", "127.0.0.1"];
    case "kubelet":
      return [name, address];
    case "etcd/server":
      return ["127.0.0.1", address];
    case "etcd/peer":
      return [address];
    default:
      return [];
  }
}

function problemsOfNames(name: string, certificate: X509Certificate, needed: readonly string[]): string[] {
  const missing = needed.filter((one) =>
    /^[\d.]+$/.test(one) ? !certificate.checkIP(one) : !certificate.checkHost(one, { subject: "never" }),
  );
  return missing.length === 0
    ? []
    : [`${name}: is not valid for ${missing.join(", ")} (subject alternative names)`];
}

function parsedCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function parsedKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

const USABLE_KEY =
  "expected an unencrypted private key in PEM: ECDSA on P-256, P-384 or P-521, or RSA of 2048 bits or more";

function isUsable(key: KeyObject | undefined): key is KeyObject {
  if (key?.asymmetricKeyType === "ec") return isKnownCurve(key);
  return key?.asymmetricKeyType === "rsa" && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
}

const oneLine = (subject: string) => subject.replaceAll("\n", ", ");

/** In the one form that every component reads, also where it wants the public half only. */
function rewritten(pem: string): string {
  const key = createPrivateKey(pem);
  return key.asymmetricKeyType === "rsa"
    ? key.export({ type: "pkcs1", format: "pem" })
    : key.export({ type: "sec1", format: "pem" });
}

const inLines = (pem: string) => (pem.endsWith("\n") ? pem : `${pem}\n`);

/** Puts the authorities and the key of service accounts where the cluster's own would be made. */
export async function writeSuppliedAuthorities(paths: Paths, config: Supplied): Promise<void> {
  for (const key of AUTHORITY_KEYS) {
    const [pem, privateKey] = [textOf(config, `${key}-crt`), textOf(config, `${key}-key`)];
    if (pem === undefined) continue;
    const { place, file } = AUTHORITIES[SUPPLIED_AUTHORITIES[key].authority];
    if (privateKey !== undefined)
      await writePair(paths[place], file, { certificate: inLines(pem), key: rewritten(privateKey) });
    else await writeAtomically(join(paths[place], `${file}.crt`), inLines(pem));
  }
  const serviceAccounts = textOf(config, "service-account-key");
  if (serviceAccounts !== undefined)
    await writeAtomically(join(paths.pki, "serviceaccount.key"), rewritten(serviceAccounts));
}

/** Puts the leaves that are brought where the node's own would be made. */
export async function writeSuppliedLeaves(
  paths: Paths,
  config: Supplied,
  leaves: readonly Leaf[],
): Promise<void> {
  const names = suppliedAmong(config, leaves);
  for (const leaf of leaves.filter(({ name }) => names.includes(name)))
    await writePair(paths[leaf.place], leaf.file, pairOf(config, suppliedName(leaf)));
  const hasOwnEtcdClient = leaves.some(({ file }) => file === "k8sd-etcd-client");
  if (names.includes("apiserver-etcd-client") && !hasOwnEtcdClient)
    await writePair(paths.pki, "k8sd-etcd-client", pairOf(config, "etcd-apiserver-client"));
}

const pairOf = (config: Supplied, name: string): KeyPair => ({
  certificate: inLines(textOf(config, `${name}-crt`)!),
  key: rewritten(textOf(config, `${name}-key`)!),
});
