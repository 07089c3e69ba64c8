/**
 * Every certificate of a node that is no authority (spec k8sd 2.1): how the API calls it, where it lies, who signs it and
 * what it says. Pure: what is made of this table is in cluster.ts and refresh.ts.
 */
import { networkInterfaces } from "node:os";
import type { AuthorityName, Identity, Role } from "../base/identity.ts";
import { nthAddress } from "../network/cidr.ts";
import type { Profile } from "./certificates.ts";

/** Folder of Paths that a file lies in. */
export type Place = "pki" | "certificates";

export interface Leaf extends Profile {
  /** As `certs-status` and `refresh-certs` call it. */
  readonly name: string;
  readonly place: Place;
  /** Without its ending. */
  readonly file: string;
  readonly authority: AuthorityName;
}

/** What a node's certificates depend on. */
export type Subjects = Pick<
  Identity,
  "name" | "address" | "credential" | "settings" | "datastore" | "extraSans" | "externalAuthorities"
> & {
  /** Group of administrators that counts now; see admins.ts. */
  readonly adminGroup: string;
};

/** Group of every credential given to a node at its join; revocation names it. */
export const credentialGroup = (credential: string) => `k8sd:credential:${credential}`;

const client = (name: string, file: string, commonName: string, ...organizations: string[]): Leaf => ({
  name,
  place: "pki",
  file,
  authority: "client",
  subject: { commonName, organizations },
  usages: ["client"],
});

export function controlPlaneLeaves(subjects: Subjects): Leaf[] {
  const { name, credential, adminGroup } = subjects;
  const group = credentialGroup(credential);
  return [
    apiserver(subjects),
    client(
      "apiserver-kubelet-client",
      "apiserver-kubelet-client",
      "apiserver-kubelet-client",
      "system:masters",
      group,
    ),
    {
      name: "front-proxy-client",
      place: "pki",
      file: "front-proxy-client",
      authority: "frontProxy",
      subject: { commonName: "front-proxy-client" },
      usages: ["client"],
    },
    kubelet(subjects),
    client("admin.conf", "admin-client", "kubernetes-admin", adminGroup),
    client("controller.conf", "kube-controller-manager-client", "system:kube-controller-manager", group),
    client("kubelet.conf", "kubelet-client", `system:node:${name}`, "system:nodes", group),
    client("proxy.conf", "kube-proxy-client", "system:kube-proxy", group),
    client("scheduler.conf", "kube-scheduler-client", "system:kube-scheduler", group),
    own(
      subjects,
      client("k8sd-client", "k8sd-client", `k8sd:control-plane:${name}`, "system:masters", group),
    ),
    k8sdLeaf("control-plane", subjects),
    ...(subjects.datastore.type === "etcd" ? etcdLeaves(subjects) : []),
  ];
}

/**
 * The daemon's own way to the API server. Where the authority of clients is external k8sd's own signs it, which the API
 * server trusts then, too (components.ts).
 */
const own = ({ externalAuthorities }: Pick<Subjects, "externalAuthorities">, leaf: Leaf): Leaf =>
  externalAuthorities.includes("client") ? { ...leaf, authority: "k8sd" } : leaf;

/** What a worker asks a control plane for; what each says comes from the cluster's record of the node alone. */
export function workerLeaves(
  subjects: Pick<Subjects, "name" | "address" | "credential" | "externalAuthorities">,
): Leaf[] {
  const { name, credential } = subjects;
  const group = credentialGroup(credential);
  return [
    kubelet({ ...subjects, extraSans: [] }),
    client("kubelet.conf", "kubelet-client", `system:node:${name}`, "system:nodes", group),
    client("proxy.conf", "kube-proxy-client", "system:kube-proxy", group),
    own(subjects, client("k8sd-node-client", "k8sd-node-client", `k8sd:node:${name}`, "k8sd:nodes", group)),
    k8sdLeaf("worker", { ...subjects, extraSans: [] }),
  ];
}

function apiserver(subjects: Subjects): Leaf {
  return {
    name: "apiserver",
    place: "pki",
    file: "apiserver",
    authority: "kubernetes",
    subject: { commonName: "kube-apiserver" },
    names: apiserverNames(subjects),
    usages: ["server"],
  };
}

function kubelet({ name, address, extraSans }: Pick<Subjects, "name" | "address" | "extraSans">): Leaf {
  return {
    name: "kubelet",
    place: "pki",
    file: "kubelet",
    authority: "kubernetes",
    subject: { commonName: `system:node:${name}`, organizations: ["system:nodes"] },
    names: unique([name, ...extraSans, address, "127.0.0.1", "::1"]),
    usages: ["server"],
  };
}

/**
 * The daemon's own identity on :6400, as server and as client of the other daemons. Its credential tells a node from an
 * earlier one of the same name.
 */
export function k8sdLeaf(
  role: Role,
  { name, address, credential, extraSans = [] }: Daemon & { readonly extraSans?: readonly string[] },
): Leaf {
  return {
    name: "k8sd",
    place: "certificates",
    file: "server",
    authority: "k8sd",
    subject: {
      commonName: `k8sd:${role}:${name}`,
      organizations: [`k8sd:${role}s`, credentialGroup(credential)],
    },
    names: unique([name, address, "127.0.0.1", "::1", ...extraSans]),
    usages: ["server", "client"],
  };
}
type Daemon = Pick<Subjects, "name" | "address" | "credential">;

function etcdLeaves({ name, address, extraSans, externalAuthorities }: Subjects): Leaf[] {
  const leaf = (apiName: string, file: string, commonName: string, usages: Leaf["usages"]): Leaf => ({
    name: apiName,
    place: "pki",
    file,
    authority: "etcd",
    subject: { commonName },
    ...(usages.includes("server") && {
      names: unique([name, ...extraSans, address, "127.0.0.1", "::1"]),
    }),
    usages,
  });
  return [
    // etcd's JSON gateway dials etcd itself with the serving certificate, so that one is a client's too.
    leaf("etcd-server", "etcd/server", "kube-etcd", ["server", "client"]),
    leaf("etcd-peer", "etcd/peer", "kube-etcd-peer", ["server", "client"]),
    leaf("apiserver-etcd-client", "apiserver-etcd-client", "kube-apiserver-etcd-client", ["client"]),
    // Nobody brings one for the daemon: a copy of the API server's lies in its place then (supplied.ts).
    ...(externalAuthorities.includes("etcd")
      ? []
      : [leaf("k8sd-etcd-client", "k8sd-etcd-client", "k8sd-etcd-client", ["client"])]),
  ];
}

/** Names of the API server, with the cluster's real domain (the reference always writes cluster.local). */
function apiserverNames({ name, address, settings, extraSans }: Subjects): string[] {
  const services = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const qualified = `kubernetes.default.svc.${settings.clusterDomain}`;
  const local = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map((a) => a.address),
  );
  const addresses = [
    address,
    nthAddress(settings.serviceCidr, 1),
    "127.0.0.1",
    "::1",
    ...local.filter((a) => !a.startsWith("fe80:")),
  ];
  return unique([name, "localhost", ...services, qualified, ...addresses, ...extraSans]);
}

const unique = (values: readonly string[]) => [...new Set(values)];
