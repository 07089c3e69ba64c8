/** What every NodeService does. The machines share a cluster; the package is installed on each. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { beforeEach, describe, test } from "vitest";
import { NodeRefused, type NodeService } from "../src/service.ts";

export type ServiceOf = (machine: "cp" | "worker") => Promise<NodeService>;

const CONFIG = {
  "cluster-config": { network: { enabled: true }, dns: { enabled: true, "cluster-domain": "cluster.local" } },
  "pod-cidr": "10.7.0.0/16",
} as const;

export interface Addresses {
  readonly cp: string;
  readonly worker: string;
}

/** `addresses` are those of the two machines; they are asked for when a test begins. */
export function nodeServiceContract(
  name: string,
  machines: () => ServiceOf,
  addresses: () => Addresses = () => ({ cp: "10.0.0.1", worker: "10.0.0.2" }),
): void {
  let cpOrder: { name: string; address: string; config: typeof CONFIG };
  const joinOrder = (token: string) => ({
    name: "worker",
    address: `${addresses().worker}:6400`,
    token,
    config: {},
  });
  beforeEach(() => {
    cpOrder = { name: "cp", address: `${addresses().cp}:6400`, config: CONFIG };
  });
  describe(`a node service (${name})`, () => {
    test("a new node says that it is in no cluster", async () => {
      deepEqual(await (await machines()("cp")).identity(), { kind: "none" });
    });

    test("a bootstrapped node is a control plane, with the configuration it was given", async () => {
      const cp = await machines()("cp");
      await cp.bootstrap(cpOrder);
      const identity = await cp.identity();
      deepEqual([identity.kind, identity.kind === "member" && identity.role], ["member", "control-plane"]);
      const { "pod-cidr": podCidr, status } = await cp.config();
      deepEqual([podCidr, status.dns?.["cluster-domain"]], ["10.7.0.0/16", "cluster.local"]);
      deepEqual(
        (await cp.clusterStatus()).members.map((member) => member.name),
        ["cp"],
      );
    });

    test("a second bootstrap is refused", async () => {
      const cp = await machines()("cp");
      await cp.bootstrap(cpOrder);
      await rejects(cp.bootstrap(cpOrder), (error) => error instanceof NodeRefused && error.code === 400);
    });

    test("a token lets the node of its name join, and joining again is success", async () => {
      const serviceOf = machines();
      const [cp, worker] = [await serviceOf("cp"), await serviceOf("worker")];
      await cp.bootstrap(cpOrder);
      const token = await cp.createToken({ name: "worker", worker: true });
      await worker.join(joinOrder(token));
      await worker.join(joinOrder(token));
      const identity = await worker.identity();
      equal(identity.kind === "member" && identity.role, "worker");
    });

    test("a wrong token is refused and leaves nothing", async () => {
      const serviceOf = machines();
      const [cp, worker] = [await serviceOf("cp"), await serviceOf("worker")];
      await cp.bootstrap(cpOrder);
      await rejects(worker.join(joinOrder("made up")), NodeRefused);
      deepEqual(await worker.identity(), { kind: "none" });
    });

    test("a change of configuration keeps what it does not name", async () => {
      const cp = await machines()("cp");
      await cp.bootstrap(cpOrder);
      await cp.setConfig({ dns: { "upstream-nameservers": ["10.0.0.53"] } });
      const { dns } = (await cp.config()).status;
      deepEqual([dns?.["cluster-domain"], dns?.["upstream-nameservers"]], ["cluster.local", ["10.0.0.53"]]);
    });

    test("a removed node is gone; removing it again is success", async () => {
      const serviceOf = machines();
      const [cp, worker] = [await serviceOf("cp"), await serviceOf("worker")];
      await cp.bootstrap(cpOrder);
      await worker.join(joinOrder(await cp.createToken({ name: "worker", worker: true })));
      await cp.removeNode({ name: "worker", force: false });
      await cp.removeNode({ name: "worker", force: true });
      equal(typeof (await cp.createToken({ name: "worker", worker: true })), "string");
    });

    test("a kubeconfig names the server asked for", async () => {
      const cp = await machines()("cp");
      await cp.bootstrap(cpOrder);
      equal((await cp.kubeconfig("https://198.51.100.7:6443")).includes("https://198.51.100.7:6443"), true);
    });
  });
}
