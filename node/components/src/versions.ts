/**
 * The one place that pins every upstream component: which module, which version, which commands, how they are built.
 * The go.mod beside each module repeats the version for Go, and go.sum pins every byte; `checkPins` refuses when they disagree.
 */
import { fileURLToPath } from "node:url";
import path from "node:path";

export type Architecture = "amd64" | "arm64";
export const architectures: readonly Architecture[] = ["amd64", "arm64"];

/** The Go toolchain that is fetched where the host has none that is new enough. */
export const goVersion = "1.26.8";
/** What Go's checksum of that module must be; computed from the bytes. */
export const goSums: Readonly<Record<Architecture, string>> = {
  amd64: "h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=",
  arm64: "h1:sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=",
};
/** The oldest Go that builds every component: the highest `go` line of their go.mod files. */
export const oldestGo = "1.26.6";

export interface GoComponent {
  readonly kind: "go";
  readonly name: ComponentName;
  readonly version: string;
  readonly licence: string;
  /** The upstream module that carries the version. */
  readonly module: string;
  /** Further modules of the same project that must be pinned to the same version. */
  readonly siblings?: readonly string[];
  /** Name of the executable → import path of its main package. */
  readonly commands: Readonly<Record<string, string>>;
  readonly ldflags: readonly string[];
  readonly tags?: readonly string[];
  /** Needs a C compiler and these Debian packages; linked statically. */
  readonly cgo?: {
    readonly packages: readonly string[];
    readonly headers: readonly string[];
    readonly libraries: readonly string[];
    /** Packages whose code ends up in the binary. */
    readonly linked: readonly string[];
  };
}

export interface CComponent {
  readonly kind: "c";
  readonly name: ComponentName;
  readonly version: string;
  readonly licence: string;
  readonly commands: Readonly<Record<string, string>>;
  /** Debian packages whose code ends up in the binary. */
  readonly linked?: readonly string[];
}

export type Component = GoComponent | CComponent;
export type ComponentName = "kubernetes" | "etcd" | "containerd" | "runc" | "cni" | "coredns" | "pause";

const kubernetes = "1.36.3";
const containerd = "2.4.2";
const cni = "1.9.1";

const kubeCommand = (name: string): readonly [string, string] => [name, `k8s.io/kubernetes/cmd/${name}`];
const cniPlugin =
  (kind: string) =>
  (name: string): readonly [string, string] => [
    name,
    `github.com/containernetworking/plugins/plugins/${kind}/${name}`,
  ];
const containerdCommand = (name: string): readonly [string, string] => [
  name,
  `github.com/containerd/containerd/v2/cmd/${name}`,
];

export const components: readonly Component[] = [
  {
    kind: "go",
    name: "kubernetes",
    version: kubernetes,
    licence: "Apache-2.0",
    module: "k8s.io/kubernetes",
    commands: Object.fromEntries(
      ["kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"].map(
        kubeCommand,
      ),
    ),
    ldflags: [
      `-X k8s.io/component-base/version.gitVersion=v${kubernetes}`,
      `-X k8s.io/client-go/pkg/version.gitVersion=v${kubernetes}`,
    ],
  },
  {
    kind: "go",
    name: "etcd",
    version: "3.7.3",
    licence: "Apache-2.0",
    module: "go.etcd.io/etcd/server/v3",
    siblings: ["go.etcd.io/etcd/etcdctl/v3", "go.etcd.io/etcd/etcdutl/v3"],
    commands: {
      etcd: "go.etcd.io/etcd/server/v3",
      etcdctl: "go.etcd.io/etcd/etcdctl/v3",
      etcdutl: "go.etcd.io/etcd/etcdutl/v3",
    },
    ldflags: [],
  },
  {
    kind: "go",
    name: "containerd",
    version: containerd,
    licence: "Apache-2.0",
    module: "github.com/containerd/containerd/v2",
    commands: Object.fromEntries(["containerd", "containerd-shim-runc-v2", "ctr"].map(containerdCommand)),
    ldflags: [`-X github.com/containerd/containerd/v2/version.Version=v${containerd}`],
  },
  {
    kind: "go",
    name: "runc",
    version: "1.4.3",
    licence: "Apache-2.0 and LGPL-2.1",
    module: "github.com/opencontainers/runc",
    commands: { runc: "github.com/opencontainers/runc" },
    ldflags: [],
    tags: ["seccomp", "netgo", "osusergo"],
    cgo: {
      packages: ["gcc", "libc6-dev", "libseccomp-dev", "pkg-config"],
      headers: ["seccomp.h"],
      libraries: ["libseccomp"],
      linked: ["libseccomp-dev", "libc6-dev"],
    },
  },
  {
    kind: "go",
    name: "cni",
    version: cni,
    licence: "Apache-2.0",
    module: "github.com/containernetworking/plugins",
    commands: Object.fromEntries([
      ...["host-local", "static"].map(cniPlugin("ipam")),
      ...["bridge", "host-device", "ipvlan", "loopback", "macvlan", "ptp", "vlan"].map(cniPlugin("main")),
      ...["bandwidth", "firewall", "portmap", "sbr", "tuning", "vrf"].map(cniPlugin("meta")),
    ]),
    ldflags: [`-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v${cni}`],
  },
  {
    kind: "go",
    name: "coredns",
    version: "1.14.7",
    licence: "Apache-2.0",
    module: "github.com/coredns/coredns",
    commands: { coredns: "." },
    ldflags: [],
  },
  {
    kind: "c",
    name: "pause",
    version: "1.0.0",
    licence: "Apache-2.0 and LGPL-2.1",
    commands: { pause: "pause.c" },
    linked: ["libc6-dev"],
  },
];

/** Where the pins (go.mod, go.sum) and our own small sources of a component lie. */
export const moduleDir = (name: string): string =>
  path.join(fileURLToPath(new URL("../modules", import.meta.url)), name);
