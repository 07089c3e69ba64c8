/** One machine of a fake cluster: its k8sd, its package, its view of the API, and who wakes its unit. */
import type { NodeApi } from "../kubernetes/api.ts";
import { UnusablePackage, type PackageManifest } from "../package/manifest.ts";
import type { NodePackage } from "../package/node-package.ts";
import type { NodePorts } from "../ports.ts";
import { NodeRefused, NodeUnavailable, type NodeIdentity, type NodeService } from "../service.ts";
import type { Waker } from "../wake/waker.ts";
import type { FakeCluster } from "./fake-cluster.ts";

/** "refused": an answer that is an error; "unsent": no connection; "unanswered": the effect happens, the answer is lost. */
export type Fault = "refused" | "unsent" | "unanswered";

const MANIFEST: PackageManifest = {
  digest: "0".repeat(64),
  version: "1.36.3+cantrip.1",
  kubernetesVersion: "1.36.3",
  architecture: "amd64",
  files: [],
};

export class FakeMachine implements NodePorts {
  readonly nodeName: string;
  readonly service: NodeService;
  readonly nodePackage: NodePackage;
  readonly api: NodeApi;
  readonly waker: Waker;
  /** By method of NodeService; each is used once. */
  readonly faults = new Map<keyof NodeService, Fault[]>();
  readonly calls: string[] = [];
  readonly wakes: number[] = [];
  watched: string | undefined;
  installs = 0;
  removals = 0;
  packageProblem: string | undefined;
  #isInstalled = false;
  #role: "control-plane" | "worker" | undefined;

  constructor(cluster: FakeCluster, name: string) {
    this.nodeName = name;
    this.service = this.#serviceOf(cluster);
    this.nodePackage = this.#package();
    this.api = {
      node: async (node) => cluster.node(node),
      patchNode: async (node, patch) => cluster.patchNode(node, patch),
    };
    this.waker = {
      watchNode: async ({ node }) => void (this.watched = node),
      wakeAfter: async (seconds) => void this.wakes.push(seconds),
      remove: async () => {
        this.watched = undefined;
      },
    };
  }

  failOnce(method: keyof NodeService, fault: Fault): this {
    this.faults.set(method, [...(this.faults.get(method) ?? []), fault]);
    return this;
  }

  /** The package is there from earlier on. */
  installed(): this {
    this.#isInstalled = true;
    return this;
  }

  #serviceOf(cluster: FakeCluster): NodeService {
    const name = this.nodeName;
    return {
      identity: () =>
        this.#call("identity", (): NodeIdentity => {
          if (!this.#role) return { kind: "none" };
          return { kind: "member", name, role: this.#role, address: "10.0.0.1:6400" };
        }),
      clusterStatus: () => this.#call("clusterStatus", () => cluster.status()),
      config: () => this.#call("config", () => cluster.config),
      setConfig: (change) => this.#call("setConfig", () => cluster.change(change)),
      bootstrap: (order) =>
        this.#call("bootstrap", () => {
          if (this.#role)
            throw new NodeRefused(`bootstrap a cluster on ${name}`, 400, "cluster is already bootstrapped");
          cluster.bootstrap(order.name, order.address, order.config);
          this.#role = "control-plane";
        }),
      join: (order) =>
        this.#call("join", () => {
          if (this.#role) return;
          cluster.useToken(order.token, order.name);
          cluster.register(order.name, "worker", order.address);
          this.#role = "worker";
        }),
      createToken: ({ name: joiner }) => this.#call("createToken", () => cluster.issueToken(joiner)),
      removeNode: ({ name: leaver }) => this.#call("removeNode", () => cluster.removeNode(leaver)),
      kubeconfig: (server) =>
        this.#call("kubeconfig", () => `server: ${server ?? "https://10.0.0.1:6443"}\n`),
    };
  }

  async #call<T>(method: keyof NodeService, act: () => T): Promise<T> {
    this.calls.push(method);
    const attempt = `call ${method}`;
    if (!this.#isInstalled) throw new NodeUnavailable(attempt, "k8sd does not answer (ENOENT)", "none");
    const fault = this.faults.get(method)?.shift();
    if (fault === "unsent") throw new NodeUnavailable(attempt, "k8sd does not answer (ECONNREFUSED)", "none");
    if (fault === "refused") throw new NodeRefused(attempt, 500, "context deadline exceeded");
    const result = act();
    if (fault === "unanswered")
      throw new NodeUnavailable(attempt, "no answer from k8sd within 120 s", "unknown");
    return result;
  }

  #package(): NodePackage {
    return {
      ensure: async () => {
        if (this.packageProblem) throw new UnusablePackage(this.packageProblem);
        const fresh = !this.#isInstalled;
        this.#isInstalled = true;
        this.installs += fresh ? 1 : 0;
        return { manifest: MANIFEST, fresh };
      },
      installed: async () => (this.#isInstalled ? MANIFEST : undefined),
      remove: async () => {
        this.removals += 1;
        this.#isInstalled = false;
        this.#role = undefined;
      },
    };
  }
}
