/**
 * A datastore that others run (`datastore-type: external`): its connection, which every control plane keeps on its own
 * disk, and the claim by which one cluster alone uses it.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import type { BootstrapConfig, DatastoreConfig } from "@cantrip/metadata/k8sd";
import { ApiError, messageOf } from "../base/errors.ts";
import { readIfExists, removeDurably, writeAtomically } from "../base/files.ts";
import type { TlsMaterial } from "../base/https.ts";
import type { Datastore, Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { clientFilesFor, EtcdClient, EtcdError } from "../etcd/client.ts";

/** Servers and PEM texts; an empty text stands for none. */
export interface Connection {
  readonly servers: readonly string[];
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const EXTERNAL: Datastore = { type: "external", servers: [] };
const FILES = clientFilesFor({ datastore: EXTERNAL });

export const connectionOf = (config: BootstrapConfig): Connection => ({
  servers: config["datastore-servers"] ?? [],
  ca: config["datastore-ca-crt"] ?? "",
  cert: config["datastore-client-crt"] ?? "",
  key: config["datastore-client-key"] ?? "",
});

export const datastoreOf = (config: BootstrapConfig): Datastore =>
  config["datastore-type"] === "external"
    ? { type: "external", servers: connectionOf(config).servers }
    : { type: "etcd" };

const SETTINGS = [
  "datastore-servers",
  "datastore-ca-crt",
  "datastore-client-crt",
  "datastore-client-key",
] as const;

export function problemsOfDatastore(config: BootstrapConfig): string[] {
  if (config["datastore-type"] !== "external")
    return SETTINGS.filter((key) => (config[key]?.length ?? 0) > 0).map(
      (key) => `${key} needs datastore-type to be external, not "etcd"`,
    );
  const ports = (["etcd-port", "etcd-peer-port"] as const).filter((key) => config[key] !== undefined);
  const connection = connectionOf(config);
  return [
    ...ports.map((key) => `${key} needs datastore-type to be etcd`),
    ...(connection.servers.length === 0
      ? ["datastore type is external but no datastore servers were set"]
      : []),
    ...problemsOfConnection(connection),
  ];
}

export function problemsOfConnection({ servers, ca, cert, key }: Connection): string[] {
  const isSecure = servers.some((server) => server.startsWith("https:"));
  return [
    ...servers
      .filter((server) => !isServer(server))
      .map(
        (server) =>
          `datastore-servers: ${JSON.stringify(server.slice(0, 80))} is no URL such as https://10.0.0.9:2379`,
      ),
    ...(ca && !isCertificate(ca) ? ["datastore-ca-crt: expected a PEM certificate"] : []),
    ...(!cert === !key ? [] : ["datastore-client-crt and datastore-client-key go together"]),
    ...(cert && key ? problemsOfPair(cert, key) : []),
    ...(cert && !isSecure && servers.length > 0 ? ["datastore-client-crt: the servers speak no TLS"] : []),
  ];
}

function isServer(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ["https:", "http:"].includes(url.protocol) && url.pathname === "/" && !url.username;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function problemsOfPair(cert: string, key: string): string[] {
  if (!isCertificate(cert)) return ["datastore-client-crt: expected a PEM certificate"];
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
      ? []
      : ["datastore-client-key does not fit datastore-client-crt"];
  } catch {
    return ["datastore-client-key: expected a PEM private key"];
  }
}

/** Keeps the connection on disk; what it does not have is deleted there. */
export async function writeConnection(paths: Paths, { ca, cert, key }: Connection): Promise<void> {
  for (const [file, text] of [
    [FILES.ca, ca],
    [FILES.key, key],
    [FILES.cert, cert],
  ] as const)
    if (text) await writeAtomically(join(paths.pki, file), text);
    else await removeDurably(join(paths.pki, file));
}

export async function readConnection(paths: Paths, { datastore }: Identity): Promise<Connection> {
  const read = async (file: string) => (await readIfExists(join(paths.pki, file))) ?? "";
  const [ca, cert, key] = await Promise.all([read(FILES.ca), read(FILES.cert), read(FILES.key)]);
  return { servers: datastore.type === "external" ? datastore.servers : [], ca, cert, key };
}

/** A change laid over the present connection: what is absent stays. */
export const changed = (present: Connection, change: DatastoreConfig): Connection => ({
  servers: change.servers ?? present.servers,
  ca: change["ca-crt"] ?? present.ca,
  cert: change["client-crt"] ?? present.cert,
  key: change["client-key"] ?? present.key,
});

export const tlsOf = ({ ca, cert, key }: Connection): TlsMaterial => ({
  ...(ca && { ca }),
  ...(cert && key && { cert, key }),
});

const clientOf = (connection: Connection): EtcdClient =>
  new EtcdClient(connection.servers, tlsOf(connection));

/** Which cluster a datastore belongs to. */
const CLAIM = "/cantrip/claim";
interface Claim {
  readonly clusterId: string;
  readonly by: string;
  readonly at: string;
}

async function claimOf(etcd: EtcdClient): Promise<Claim | undefined> {
  const entry = await etcd.get(CLAIM);
  return entry && (JSON.parse(entry.value) as Claim);
}

/** Takes an empty datastore for this cluster; again for the same one is fine. @throws ApiError 400 if it is another's */
export async function claimExternal(
  etcd: EtcdClient,
  { clusterId, name }: Pick<Identity, "clusterId" | "name">,
): Promise<void> {
  const claim: Claim = { clusterId, by: name, at: new Date().toISOString() };
  const value = JSON.stringify(claim);
  const found = await asked(claimOf(etcd));
  if (found?.clusterId === clusterId) return;
  if (found)
    throw new ApiError(
      400,
      `Cannot use the external datastore: it belongs to cluster ${found.clusterId}, claimed by ${found.by} at ${found.at}; use an empty one, or delete the keys below /registry/ and /cantrip/ there if that cluster is gone`,
    );
  if (await etcd.hasAny("/registry/"))
    throw new ApiError(
      400,
      "Cannot use the external datastore: it holds a Kubernetes cluster's data below /registry/; use an empty one, or delete these keys if that cluster is gone",
    );
  // Another bootstrap may have been quicker: then it is told so.
  if (!(await etcd.commit([{ key: CLAIM, value, expected: "0" }])))
    await claimExternal(etcd, { clusterId, name });
}

/** A datastore that answers, but not to this: said with what helps. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const hint =
      error instanceof EtcdError
        ? " (its JSON gateway has to be on; with client certificates required, etcd's own certificate has to be valid for clients too, or --client-cert-file be set)"
        : "";
    throw new Error(`Cannot use the external datastore: ${messageOf(error)}${hint}`, { cause: error });
  }
}

/** Empties the datastore of a bootstrap that failed: what lies there is of this cluster alone, since it was empty. */
export async function releaseExternal(paths: Paths, identity: Identity): Promise<void> {
  const etcd = clientOf(await readConnection(paths, identity));
  try {
    if ((await claimOf(etcd))?.clusterId !== identity.clusterId) return;
    await etcd.deleteAll("/registry/");
    await etcd.deleteAll(`/cantrip/${identity.clusterId}/`);
    await etcd.commit([{ key: CLAIM, value: undefined }]);
  } catch (error) {
    log.warning(`the external datastore could not be cleared: ${messageOf(error)}`);
  } finally {
    etcd.close();
  }
}

/** @throws ApiError 400 unless these servers hold the data of this very cluster */
export async function checkSameCluster(connection: Connection, { clusterId }: Identity): Promise<void> {
  const etcd = clientOf(connection);
  try {
    const found = await claimOf(etcd);
    if (found?.clusterId !== clusterId)
      throw new ApiError(
        400,
        `failed to parse datastore config: ${connection.servers.join(", ")} holds ${found ? `cluster ${found.clusterId}` : "no cluster"}, expected this cluster's data (${clusterId})`,
      );
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, `failed to parse datastore config: ${messageOf(error)}`, { cause: error });
  } finally {
    etcd.close();
  }
}
