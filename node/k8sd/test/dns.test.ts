/** Whose objects the feature `dns` touches, and what its pods ask of the scheduler. The API keeps objects in memory. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HttpsClient } from "../src/base/https.ts";
import { resolveSettings } from "../src/cluster/settings.ts";
import { dns, dnsObjects } from "../src/features/dns.ts";
import type { FeatureContext } from "../src/features/feature.ts";
import { KubeClient, pathOf, type KubeObject } from "../src/kube/client.ts";

const objects = new Map<string, KubeObject>();
/** Paths of objects that cannot be deleted now. */
const stuck = new Set<string>();
let server: Server;
let kube: KubeClient;

beforeEach(async () => {
  objects.clear();
  stuck.clear();
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const path = decodeURIComponent(request.url!.split("?")[0]!);
      const { status, body } = answerTo(request.method!, path, text);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  kube = new KubeClient(new HttpsClient(`http://127.0.0.1:${port}`, { ca: "", cert: "", key: "" }));
});
afterEach(async () => {
  kube.close();
  await new Promise((resolve) => server.close(resolve));
});

function answerTo(method: string, path: string, text: string): { status: number; body: unknown } {
  const present = objects.get(path);
  if (method === "PATCH") {
    const object = JSON.parse(text) as KubeObject;
    const metadata = { ...object.metadata, uid: present?.metadata.uid ?? `uid of ${path}` };
    objects.set(path, { ...object, metadata });
    return { status: 200, body: object };
  }
  if (!present) return { status: 404, body: { message: "not found" } };
  if (method === "GET") return { status: 200, body: present };
  const { preconditions } = JSON.parse(text) as { preconditions?: { uid?: string } };
  if (preconditions?.uid !== present.metadata.uid) return { status: 409, body: { message: "another one" } };
  if (stuck.has(path)) return { status: 500, body: { message: `etcdserver: cannot delete ${path}` } };
  objects.delete(path);
  return { status: 200, body: present };
}

const put = (object: KubeObject) =>
  objects.set(decodeURIComponent(pathOf(object)), {
    ...object,
    metadata: { ...object.metadata, uid: `theirs ${object.kind}` },
  });

const context = (enabled: boolean) =>
  ({
    kube,
    config: { dns: { enabled, "upstream-nameservers": ["192.0.2.1"] } },
    identity: { settings: resolveSettings({}) },
    manifest: {
      components: { coredns: { version: "1.0.0" } },
      images: [{ ref: "cantrip.local/coredns:1.0.0", file: "images/coredns.tar" }],
    },
    nodes: [],
    networkProblems: [],
  }) as unknown as FeatureContext;
const theirs = (kind: string, apiVersion = "v1"): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: "coredns", namespace: "kube-system", labels: { "app.kubernetes.io/managed-by": "Helm" } },
});
const kinds = () => [...objects.values()].map(({ kind }) => kind).sort();

describe("enabled, then disabled", () => {
  test("nothing is left", async () => {
    await dns.converge(context(true));
    expect(objects.size).toBe(7);
    await dns.converge(context(false));
    expect(kinds()).toEqual([]);
  });

  test("what could not be deleted is said, and found the next time", async () => {
    await dns.converge(context(true));
    const service = "/api/v1/namespaces/kube-system/services/coredns";
    stuck.add(service);
    await expect(dns.converge(context(false))).rejects.toThrow(`cannot delete ${service}`);
    expect([...objects.keys()]).toEqual([service]);
    stuck.clear();
    await dns.converge(context(false));
    expect(kinds()).toEqual([]);
  });

  test("what others have put in the place of one of ours stays, and ours goes", async () => {
    await dns.converge(context(true));
    put(theirs("ConfigMap"));
    put(theirs("Deployment", "apps/v1"));
    await dns.converge(context(false));
    expect(kinds()).toEqual(["ConfigMap", "Deployment"]);
    expect(await dns.measure(context(false))).toMatchObject({ enabled: false, message: "disabled" });
  });
});

test.each([
  ["Service", "v1"],
  ["ConfigMap", "v1"],
  ["Deployment", "apps/v1"],
  ["ServiceAccount", "v1"],
  ["PodDisruptionBudget", "policy/v1"],
])("a %s of someone else is named and left as it is", async (kind, apiVersion) => {
  put(theirs(kind, apiVersion));
  await expect(dns.converge(context(true))).rejects.toThrow(`another DNS has ${kind} kube-system/coredns: `);
  expect([...objects.values()]).toMatchObject([theirs(kind, apiVersion)]);
});

test("its pods are critical, and spread over zones and hosts where there are several", () => {
  const settings = { domain: "d", serviceIp: "10.0.0.10", upstream: [], image: "i", replicas: 2 };
  const deployment = dnsObjects(settings).find(({ kind }) => kind === "Deployment")!;
  const { template } = deployment["spec"] as {
    template: { spec: { topologySpreadConstraints: { topologyKey: string; whenUnsatisfiable: string }[] } };
  };
  expect(template.spec).toMatchObject({ priorityClassName: "system-cluster-critical" });
  expect(
    template.spec.topologySpreadConstraints.map((one) => [one.topologyKey, one.whenUnsatisfiable]),
  ).toEqual([
    ["topology.kubernetes.io/zone", "ScheduleAnyway"],
    ["kubernetes.io/hostname", "ScheduleAnyway"],
  ]);
});
