/** The feature `dns`: CoreDNS as Deployment and Service `coredns` in kube-system, from the node package's own image. */
import { readFileSync } from "node:fs";
import { messageOf } from "../base/errors.ts";
import { isReady, pathOf, type KubeClient, type KubeObject, type NodeObject } from "../kube/client.ts";
import { resolvConf } from "../node/components.ts";
import { imageOf, versionOf } from "../node/package.ts";
import type { Feature, FeatureContext } from "./feature.ts";

const NAMESPACE = "kube-system";
const DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/coredns`;
const LABELS = {
  "app.kubernetes.io/name": "coredns",
  "app.kubernetes.io/managed-by": "k8sd",
  "k8s-app": "coredns",
};
const SELECTOR = { "app.kubernetes.io/name": "coredns" };
type Manifest = KubeObject & Record<string, unknown>;

export interface DnsSettings {
  readonly domain: string;
  readonly serviceIp: string;
  /** Servers that other names are asked of; none where the machine knows none (CoreDNS would exit). */
  readonly upstream: readonly string[];
  readonly image: string;
  readonly replicas: number;
}

export const dns: Feature = {
  name: "dns",
  async converge(context) {
    if (context.config.dns?.enabled !== true) return removeDns(context.kube);
    const present = await presentObjects(context.kube);
    const others = present.filter((object) => !isOurs(object));
    if (others.length > 0)
      throw new Error(
        `another DNS has ${others.map(nameOf).join(", ")}: remove what it has, or disable dns here and keep it`,
      );
    const deployed: Deployment | undefined = present.find(({ kind }) => kind === "Deployment");
    const settings = settingsOf(context, deployed?.spec?.replicas ?? 1);
    await Promise.all(dnsObjects(settings).map((object) => context.kube.apply(object)));
  },
  async measure({ kube, config, manifest, identity }) {
    const version = versionOf(manifest, "coredns");
    const found = await kube.find<Deployment>(DEPLOYMENT);
    const deployment = found && isOurs(found) ? found : undefined;
    if (config.dns?.enabled !== true)
      return { enabled: false, message: deployment ? "disabled, still being removed" : "disabled", version };
    const { availableReplicas: ready = 0, replicas: total = 0 } = deployment?.status ?? {};
    if (ready > 0) return { enabled: true, message: `enabled at ${identity.settings.clusterDns}`, version };
    return {
      enabled: false,
      message: deployment ? `waiting for CoreDNS: 0 of ${total} pods ready` : "waiting to be deployed",
      version,
    };
  },
};

const isOurs = ({ metadata }: KubeObject) => metadata.labels?.["app.kubernetes.io/managed-by"] === "k8sd";

interface Deployment extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number; readonly availableReplicas?: number };
}

function settingsOf({ config, identity, manifest, nodes }: FeatureContext, present: number): DnsSettings {
  return {
    domain: identity.settings.clusterDomain,
    serviceIp: identity.settings.clusterDns,
    upstream: usableUpstream(config.dns?.["upstream-nameservers"] ?? ["/etc/resolv.conf"]),
    image: imageOf(manifest, "coredns").ref,
    replicas: replicasFor(nodes, present),
  };
}

/** Two from the second Ready node on, so that the second finds its place there; one again when that node is removed. */
export function replicasFor(nodes: readonly NodeObject[], present: number): number {
  if (nodes.filter(isReady).length >= 2) return 2;
  return nodes.length < 2 ? 1 : present;
}

/** A pod gets the node's resolv.conf; where that names no server, forwarding to it would make CoreDNS exit. */
function usableUpstream(upstream: readonly string[]): readonly string[] {
  return upstream.filter(
    (server) =>
      server !== "/etc/resolv.conf" || /^\s*nameserver\s+\S/m.test(readFileSync(resolvConf(), "utf8")),
  );
}

export function corefile({ domain, upstream }: Pick<DnsSettings, "domain" | "upstream">): string {
  const forward = upstream.length > 0 ? `    forward . ${upstream.join(" ")}\n` : "";
  return `.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes ${domain} in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :9153
${forward}    cache 30
    loop
    reload
    loadbalance
}
`;
}

const metadata = (name: string) => ({ name, namespace: NAMESPACE, labels: LABELS });
const RBAC = "rbac.authorization.k8s.io";

export function dnsObjects(settings: DnsSettings): Manifest[] {
  const rules = [
    { apiGroups: [""], resources: ["endpoints", "services", "pods", "namespaces"], verbs: ["list", "watch"] },
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
  ];
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: metadata("coredns") },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRole",
      metadata: { name: "k8sd:coredns", labels: LABELS },
      rules,
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "k8sd:coredns", labels: LABELS },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "k8sd:coredns" },
      subjects: [{ kind: "ServiceAccount", name: "coredns", namespace: NAMESPACE }],
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: metadata("coredns"),
      data: { Corefile: corefile(settings) },
    },
    service(settings),
    deployment(settings),
    disruptionBudget(),
  ];
}

/** Not "at least one available": that would keep the node of a lone pod from being drained for ever. */
const disruptionBudget = (): Manifest => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: metadata("coredns"),
  spec: { maxUnavailable: 1, selector: { matchLabels: SELECTOR } },
});

function service({ serviceIp }: DnsSettings): Manifest {
  const ports = [
    { name: "dns", port: 53, protocol: "UDP", targetPort: 53 },
    { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: 53 },
    { name: "metrics", port: 9153, protocol: "TCP", targetPort: 9153 },
  ];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata("coredns"),
    spec: { clusterIP: serviceIp, selector: SELECTOR, ports },
  };
}

function deployment(settings: DnsSettings): Manifest {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata("coredns"),
    spec: {
      replicas: settings.replicas,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
      selector: { matchLabels: SELECTOR },
      template: { metadata: { labels: LABELS }, spec: podSpec(settings) },
    },
  };
}

function podSpec({ image }: DnsSettings) {
  return {
    serviceAccountName: "coredns",
    priorityClassName: "system-cluster-critical",
    dnsPolicy: "Default",
    tolerations: [
      { key: "CriticalAddonsOnly", operator: "Exists" },
      { key: "node-role.kubernetes.io/control-plane", operator: "Exists", effect: "NoSchedule" },
    ],
    topologySpreadConstraints: ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map(spreadOver),
    containers: [container(image)],
    volumes: [
      { name: "config", configMap: { name: "coredns", items: [{ key: "Corefile", path: "Corefile" }] } },
    ],
  };
}

/** Where there is but one zone, or one node left, they run together rather than not at all. */
const spreadOver = (topologyKey: string) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: "ScheduleAnyway",
  labelSelector: { matchLabels: SELECTOR },
});

function container(image: string) {
  const probe = (path: string, port: number) => ({
    httpGet: { path, port, scheme: "HTTP" },
    timeoutSeconds: 5,
  });
  return {
    name: "coredns",
    image,
    imagePullPolicy: "IfNotPresent",
    args: ["-conf", "/etc/coredns/Corefile"],
    resources: { requests: { cpu: "50m", memory: "32Mi" }, limits: { memory: "170Mi" } },
    volumeMounts: [{ name: "config", mountPath: "/etc/coredns", readOnly: true }],
    ports: [
      { name: "dns", containerPort: 53, protocol: "UDP" },
      { name: "dns-tcp", containerPort: 53, protocol: "TCP" },
      { name: "metrics", containerPort: 9153, protocol: "TCP" },
    ],
    livenessProbe: { ...probe("/health", 8080), initialDelaySeconds: 60, failureThreshold: 5 },
    readinessProbe: { ...probe("/ready", 8181), periodSeconds: 1, failureThreshold: 10 },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
      readOnlyRootFilesystem: true,
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
}

/** The names of our objects do not depend on the settings. */
const PLACES = dnsObjects({ domain: "", serviceIp: "", upstream: [], image: "", replicas: 0 }).map(pathOf);

const nameOf = ({ kind, metadata: { namespace, name } }: KubeObject) =>
  `${kind} ${namespace ? `${namespace}/` : ""}${name}`;

/** Whatever lies where ours do, of whomever. */
async function presentObjects(kube: KubeClient): Promise<KubeObject[]> {
  const found = await Promise.all(PLACES.map((path) => kube.find<KubeObject>(path)));
  return found.filter((object) => object !== undefined);
}

/** Each object of its own: what an earlier removal left is found, and what others have put in our places stays theirs. */
async function removeDns(kube: KubeClient): Promise<void> {
  const ours = (await presentObjects(kube)).filter(isOurs);
  const outcomes = await Promise.allSettled(
    ours.map((object) =>
      kube.delete(pathOf(object), {
        propagationPolicy: "Background",
        // The one that was looked at, not what has taken its name meanwhile.
        ...(object.metadata.uid && { preconditions: { uid: object.metadata.uid } }),
      }),
    ),
  );
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [messageOf(outcome.reason)] : [],
  );
  if (failures.length > 0) throw new Error(failures.join("; "));
}
