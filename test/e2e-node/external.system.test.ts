/** A control plane, and a second one, on an etcd that others run. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAuthority, issue, type KeyPair } from "../../node/k8sd/src/pki/certificates.ts";
import {
  eventually,
  exec,
  kubectl,
  machines,
  must,
  node,
  readyNodes,
  shell,
} from "../../node/k8sd/test/machines.ts";

let folder: string;
let db: string;
let authority: KeyPair;
let client: KeyPair;

/** etcd as an administrator would run it, on its own machine, with client certificates required. */
async function startEtcd(port: number): Promise<void> {
  const server = await issue(authority, {
    subject: { commonName: "db" },
    names: [db, "127.0.0.1"],
    usages: ["server", "client"],
  });
  const files = {
    "ca.crt": authority.certificate,
    "server.crt": server.certificate,
    "server.key": server.key,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  await machines.copyIn("db", folder, `/root/tls-${port}`);
  const tls = `/root/tls-${port}`;
  await shell(
    "db",
    `systemd-run --quiet --unit=etcd-${port} /opt/k8s/current/bin/etcd --data-dir=/var/lib/etcd-${port} --listen-peer-urls=http://127.0.0.1:${port + 1} \
      --listen-client-urls=https://${db}:${port} --advertise-client-urls=https://${db}:${port} --client-cert-auth --trusted-ca-file=${tls}/ca.crt --cert-file=${tls}/server.crt --key-file=${tls}/server.key`,
  );
}

const config = (port: number) =>
  JSON.stringify({
    "cluster-config": { network: { enabled: true }, dns: { enabled: true } },
    "datastore-type": "external",
    "datastore-servers": [`https://${db}:${port}`],
    "datastore-ca-crt": authority.certificate,
    "datastore-client-crt": client.certificate,
    "datastore-client-key": client.key,
  });

const bootstrap = (name: string, port: number) =>
  machines.exec(name, ["k8s", "bootstrap", "--file", "-"], { stdin: config(port), timeoutMs: 240_000 });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "k8sd-external-"));
  await machines.cleanup();
  await machines.prepare();
  for (const name of ["db", "c1", "c2"]) await node(name);
  db = (await machines.get("db"))!.address;
  authority = await createAuthority("db-ca");
  client = await issue(authority, { subject: { commonName: "client" }, usages: ["client"] });
  await startEtcd(2379);
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
  await rm(folder, { recursive: true });
});

test("a bootstrap that cannot reach the datastore fails and leaves nothing", async () => {
  const failed = await machines.exec("c1", ["k8s", "bootstrap", "--file", "-", "--timeout", "15s"], {
    stdin: config(9999),
    timeoutMs: 240_000,
  });
  expect(failed).toMatchObject({ exitCode: 1 });
  expect(failed.stderr).toMatch(/etcd is healthy, in vain: Cannot reach/);
  expect((await exec("c1", ["k8s", "status"])).stderr).toContain("not part of a Kubernetes cluster");
  expect(await shell("c1", "ls -d /etc/kubernetes /var/snap/k8s/common/args 2>/dev/null || true")).toBe("");
});

test("a cluster on an external etcd runs none itself", async () => {
  expect(await bootstrap("c1", 2379)).toMatchObject({ exitCode: 0 });
  await eventually("c1 is Ready", async () => (await readyNodes("c1")).join() === "c1");
  expect((await exec("c1", ["systemctl", "is-active", "snap.k8s.etcd"])).stdout).toBe("inactive\n");
  const status = await must("c1", ["k8s", "status"]);
  expect(status).toContain(`datastore:                external https://${db}:2379`);
  const file = "/var/snap/k8s/common/var/lib/k8sd/state/control.socket";
  const answer = await shell("c1", `curl -s --unix-socket ${file} http://x/1.0/k8sd/cluster/config`);
  expect(JSON.parse(answer)).toMatchObject({ metadata: { datastore: { type: "external" } } });
  expect(answer).not.toContain("PRIVATE KEY");
});

test("another cluster is not begun on the same datastore", async () => {
  const refused = await bootstrap("c2", 2379);
  expect(refused).toMatchObject({ exitCode: 1 });
  expect(refused.stderr).toMatch(/it belongs to cluster [0-9a-f-]+, claimed by c1/);
  expect(await readyNodes("c1")).toEqual(["c1"]);
});

test("a second control plane joins with the connection of the first", async () => {
  const token = (await must("c1", ["k8s", "get-join-token", "c2"])).trim();
  await must("c2", ["k8s", "join-cluster", token]);
  await eventually("both are Ready", async () => (await readyNodes("c2")).join() === "c1,c2");
});

/** Sets the servers of the cluster through the daemon of c1. */
const put = (server: string) =>
  shell(
    "c1",
    `curl -s --unix-socket /var/snap/k8s/common/var/lib/k8sd/state/control.socket -X PUT http://x/1.0/k8sd/cluster/config -d '${JSON.stringify({ datastore: { type: "external", servers: [server] } })}'`,
  );

/** Which servers every control plane's API server is told. */
async function expectServers(server: string): Promise<void> {
  for (const name of ["c1", "c2"])
    expect(await shell(name, "grep etcd-servers /var/snap/k8s/common/args/kube-apiserver")).toBe(
      `--etcd-servers=${server}\n`,
    );
}

test("the servers are changed on every control plane, if they hold this cluster", async () => {
  await startEtcd(3379);
  expect(await put(`https://${db}:3379`)).toMatch(/holds no cluster, expected this cluster's data/);
  expect(await put("https://nobody.invalid:2379")).toMatch(/failed to parse datastore config: Cannot reach/);
  expect(await put(`https://${db}:2379/`)).toMatch(/"error_code":0/);
  await expectServers(`https://${db}:2379/`);
  await eventually("the API answers again", async () => (await readyNodes("c2")).join() === "c1,c2");
});

test("servers that are gone for good are changed, also by a daemon that has never seen them", async () => {
  await kubectl("c1", "create", "configmap", "kept");
  await shell(
    "db",
    "systemctl kill --signal=SIGKILL etcd-2379; while systemctl is-active --quiet etcd-2379; do sleep 0.1; done; cp -a /var/lib/etcd-2379 /var/lib/etcd-4379",
  );
  await startEtcd(4379);
  await shell("c1", "systemctl restart snap.k8s.k8sd");
  await eventually("the daemon answers", async () =>
    (await put(`https://${db}:4379`)).includes('"error_code":0'),
  );
  await expectServers(`https://${db}:4379`);
  await eventually("the API answers again", async () => (await readyNodes("c2")).join() === "c1,c2");
  expect(await kubectl("c1", "get", "configmap", "kept", "-o", "name")).toBe("configmap/kept\n");
  await must("c1", ["k8s", "set", "dns.enabled=false"]);
});

test("a control plane is removed without touching the datastore's members", async () => {
  await must("c1", ["k8s", "remove-node", "c2"]);
  expect((await kubectl("c1", "get", "nodes", "-o", "name")).trim()).toBe("node/c1");
  expect((await exec("c2", ["k8s", "status"])).stderr).toContain("not part of a Kubernetes cluster");
});
