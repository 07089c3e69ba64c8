/** Where everything lies (spec k8sd 1.2). A root other than "" puts a whole node below a directory, for tests. */
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Paths {
  readonly root: string;
  readonly common: string;
  readonly args: string;
  readonly configurations: string;
  /** Says that containerd and kubelet of this machine are ours (node/claim.ts); `remove` of the package reads it too. */
  readonly claim: string;
  readonly state: string;
  readonly socket: string;
  readonly identity: string;
  readonly certificates: string;
  readonly kubernetes: string;
  readonly pki: string;
  readonly auditLogs: string;
  readonly etcdData: string;
  /** Work of a recovery or a restoration under way. */
  readonly recovery: string;
  readonly cniConfig: string;
  readonly cniBin: string;
  readonly containerdConfig: string;
  readonly containerdSocket: string;
  readonly containerdData: string;
  /** Where packages of the machine set kernel parameters for its next boot. */
  readonly sysctl: string;
  readonly systemd: string;
  /** The node package that this daemon belongs to. */
  readonly package: string;
}

/** The link through which units and arguments name the package, so that an upgrade is one rename. */
export const CURRENT_PACKAGE = "/opt/k8s/current";

export function pathsBelow(root: string, packageRoot = ownPackage()): Paths {
  const at = (path: string) => join(root || "/", path);
  const common = at("/var/snap/k8s/common");
  const state = join(common, "var/lib/k8sd/state");
  return {
    root,
    common,
    args: join(common, "args"),
    configurations: join(common, "args/conf.d"),
    claim: join(common, "lock/container-runtime"),
    state,
    socket: join(state, "control.socket"),
    identity: join(state, "identity.json"),
    certificates: join(state, "certificates"),
    kubernetes: at("/etc/kubernetes"),
    pki: at("/etc/kubernetes/pki"),
    auditLogs: at("/var/log/kubernetes"),
    etcdData: join(common, "var/lib/etcd/data"),
    recovery: join(common, "var/lib/etcd/recovery"),
    cniConfig: at("/etc/cni/net.d"),
    cniBin: at("/opt/cni/bin"),
    containerdConfig: at("/etc/containerd"),
    containerdSocket: at("/run/containerd/containerd.sock"),
    containerdData: at("/var/lib/containerd"),
    sysctl: at("/etc/sysctl.d"),
    systemd: at("/etc/systemd/system"),
    package: packageRoot,
  };
}

/** Folders in which the daemon alone writes. */
export const ownFolders = (paths: Paths): string[] => [
  paths.state,
  paths.certificates,
  paths.args,
  paths.configurations,
  paths.kubernetes,
  paths.pki,
  join(paths.pki, "etcd"),
];

/** The package tree above the running bundle (lib/k8sd.mjs); outside of a package, the installed one. */
function ownPackage(): string {
  const script = realpathSync(process.argv[1] ?? process.execPath);
  return script.endsWith("/lib/k8sd.mjs") ? dirname(dirname(script)) : CURRENT_PACKAGE;
}
