/** The contract that simulations rest on, kept by the real daemon on real machines. */
import { afterAll, beforeAll, beforeEach } from "vitest";
import { exec, machines, must, node } from "../../../node/k8sd/test/machines.ts";
import { K8sdClient } from "../src/k8sd/client.ts";
import { nodeServiceContract, type Addresses } from "./node-service.contract.ts";

const SOCKET = "var/snap/k8s/common/var/lib/k8sd/state/control.socket";
let addresses: Addresses;

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  const [cp, worker] = await Promise.all([node("cp"), node("worker")]);
  addresses = { cp, worker };
});

/** Machines that belong to no cluster, whatever the test before has made of them. */
beforeEach(async () => {
  for (const name of ["worker", "cp"]) {
    const { exitCode } = await exec(name, ["k8s", "local-node-status"]);
    if (exitCode === 0) await must("cp", ["k8s", "remove-node", name, "--force"]);
  }
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

nodeServiceContract(
  "k8sd on machines",
  () => async (name) => {
    const leader = (await machines.get(name))?.leaderPid;
    return new K8sdClient({ socketPath: `/proc/${leader}/root/${SOCKET}` });
  },
  () => addresses,
);
