/** What a report holds: each part a command or a file, by the name that it has in the report. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CONTROL_SOCKET } from "@cantrip/metadata/k8sd";
import { unitOf, type Identity, type Paths } from "@cantrip/k8sd";

export interface Step {
  /** Path within the report. */
  readonly file: string;
  readonly argv?: readonly string[];
  readonly source?: string;
}

export interface Subject {
  readonly paths: Paths;
  readonly identity: Identity | undefined;
  readonly services: readonly string[];
  /** Argv of this very command. */
  readonly k8s: readonly string[];
  readonly logLines: number;
  readonly allNamespaces: boolean;
}

const command = (file: string, ...argv: string[]): Step => ({ file, argv });
const filesOf = (folder: string, target: string): Step[] => {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => ({ file: `${target}/${name}`, source: join(folder, name) }));
  } catch {
    return [];
  }
};

export const stepsFor = (subject: Subject): Step[] => [
  ...aboutNode(subject),
  ...subject.services.flatMap((service) => aboutService(service, subject.logLines)),
  ...(subject.identity ? aboutCluster(subject) : []),
  ...aboutContainers(subject),
  ...ABOUT_SYSTEM,
  ...ABOUT_NETWORK,
];

function aboutNode({ paths, k8s }: Subject): Step[] {
  return [
    command("k8s/version.log", ...k8s, "version"),
    command("k8s/status.log", ...k8s, "status", "--timeout", "10s"),
    command("k8s/local-node-status.log", ...k8s, "local-node-status"),
    command("k8s/get.yaml", ...k8s, "get"),
    command("k8s/certs-status.log", ...k8s, "certs-status"),
    command("k8s/files.log", "find", paths.common, "/etc/kubernetes", "-xdev", "-ls"),
    { file: "k8s/identity.json", source: paths.identity },
    command("k8s/socket.log", "ls", "-la", CONTROL_SOCKET),
    ...filesOf(paths.args, "args"),
  ];
}

function aboutService(service: string, logLines: number): Step[] {
  const unit = unitOf(service);
  return [
    command(`services/${service}/systemctl.log`, "systemctl", "status", "--no-pager", "--full", unit),
    command(
      `services/${service}/nrestarts.log`,
      "systemctl",
      "show",
      "--property=NRestarts,ActiveState,SubState,Result",
      unit,
    ),
    command(
      `services/${service}/journal.log`,
      "journalctl",
      "--no-pager",
      "--lines",
      String(logLines),
      "--unit",
      unit,
    ),
  ];
}

function aboutCluster({ k8s, identity, paths, allNamespaces }: Subject): Step[] {
  const scope = allNamespaces ? ["--all-namespaces"] : ["--namespace", "kube-system"];
  const kubectl = (file: string, ...argv: string[]) =>
    command(`cluster/${file}`, ...k8s, "kubectl", "--request-timeout=10s", ...argv);
  const shown = [
    kubectl("nodes.yaml", "get", "nodes", "-o", "yaml"),
    kubectl("nodes.log", "describe", "nodes"),
    kubectl(
      "workloads.log",
      "get",
      "pods,deployments,daemonsets,statefulsets,services,endpointslices",
      "-o",
      "wide",
      ...scope,
    ),
    kubectl("pods.log", "describe", "pods", ...scope),
    kubectl("events.log", "get", "events", "--sort-by=.lastTimestamp", ...scope),
    kubectl("leases.log", "get", "leases", "--all-namespaces"),
    kubectl("readyz.log", "get", "--raw", "/readyz?verbose"),
  ];
  return identity?.role === "control-plane" && identity.datastore.type === "etcd"
    ? [...shown, ...aboutEtcd(paths, identity.settings.etcdPort)]
    : shown;
}

function aboutEtcd({ pki }: Paths, port: number): Step[] {
  const etcdctl = (file: string, ...argv: string[]) =>
    command(
      `etcd/${file}`,
      "/opt/k8s/current/bin/etcdctl",
      `--endpoints=https://127.0.0.1:${port}`,
      `--cacert=${pki}/etcd/ca.crt`,
      `--cert=${pki}/k8sd-etcd-client.crt`,
      `--key=${pki}/k8sd-etcd-client.key`,
      "--command-timeout=10s",
      ...argv,
    );
  return [
    etcdctl("members.log", "member", "list", "-w", "table"),
    etcdctl("status.log", "endpoint", "status", "--cluster", "-w", "table"),
    etcdctl("alarms.log", "alarm", "list"),
  ];
}

function aboutContainers({ paths }: Subject): Step[] {
  const ctr = (...argv: string[]) => [
    "/opt/k8s/current/bin/ctr",
    "--address",
    paths.containerdSocket,
    "--namespace",
    "k8s.io",
    ...argv,
  ];
  return [
    { file: "containerd/config.toml", source: join(paths.containerdConfig, "config.toml") },
    command("containerd/images.log", ...ctr("images", "list")),
    command("containerd/tasks.log", ...ctr("tasks", "list")),
    ...filesOf(paths.cniConfig, "cni"),
  ];
}

const ABOUT_SYSTEM: readonly Step[] = [
  command("sys/uname.log", "uname", "-a"),
  { file: "sys/os-release", source: "/etc/os-release" },
  command("sys/uptime.log", "uptime"),
  command("sys/processes.log", "ps", "auxwwf"),
  command("sys/disk.log", "df", "-h"),
  command("sys/inodes.log", "df", "-i"),
  command("sys/memory.log", "free", "-m"),
  { file: "sys/mounts.log", source: "/proc/self/mountinfo" },
  { file: "sys/cgroups.log", source: "/proc/cgroups" },
  { file: "sys/modules.log", source: "/proc/modules" },
  command(
    "sys/sysctl.log",
    "sysctl",
    "--all",
    "--pattern",
    "^(net[.]ipv4|fs[.]inotify|vm|kernel[.](panic|pid_max|threads-max))",
  ),
  command("sys/dmesg.log", "dmesg"),
  command("sys/failed-units.log", "systemctl", "--no-pager", "--failed"),
];

const ABOUT_NETWORK: readonly Step[] = [
  command("network/addresses.log", "ip", "-details", "address"),
  command("network/routes.log", "ip", "route", "show", "table", "all"),
  command("network/rules.log", "ip", "rule"),
  command("network/neighbours.log", "ip", "neighbour"),
  command("network/fdb.log", "bridge", "fdb", "show"),
  command("network/nftables.log", "nft", "list", "ruleset"),
  command("network/iptables.log", "iptables-save"),
  command("network/sockets.log", "ss", "-anp"),
  { file: "network/resolv.conf", source: "/etc/resolv.conf" },
];
