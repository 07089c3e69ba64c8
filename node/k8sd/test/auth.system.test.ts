/** Who may do what at the API server, and what it keeps of that: tokens by the webhook, the audit log, encryption at rest. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, exec, kubectl, machines, must, node, readyNodes, shell } from "./machines.ts";

const SOCKET = "/var/snap/k8s/common/var/lib/k8sd/state/control.socket";
const call = async (method: string, path: string, body: object) =>
  JSON.parse(
    await shell(
      "c1",
      `curl -s --unix-socket ${SOCKET} -X ${method} http://x/1.0/${path} -d '${JSON.stringify(body)}'`,
    ),
  ) as { error_code?: number; error?: string; metadata: { token: string } | null; status?: object };

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  await node("c1");
  await must("c1", ["k8s", "bootstrap"]);
  await eventually("c1 is Ready", async () => (await readyNodes("c1")).join() === "c1");
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

test("a Secret is unreadable in etcd and readable through the API", async () => {
  await kubectl("c1", "create", "secret", "generic", "hidden", "--from-literal=word=xyzzy-plugh");
  const pki = "/etc/kubernetes/pki";
  const stored = await shell(
    "c1",
    `/opt/k8s/current/bin/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=${pki}/etcd/ca.crt --cert=${pki}/k8sd-etcd-client.crt --key=${pki}/k8sd-etcd-client.key get /registry/secrets/default/hidden | tr -cd '[:print:]'`,
  );
  expect(stored).toContain("k8s:enc:secretbox:v1:key1");
  expect(stored).not.toContain("xyzzy");
  const value = await kubectl("c1", "get", "secret", "hidden", "-o", "jsonpath={.data.word}");
  expect(Buffer.from(value, "base64").toString()).toBe("xyzzy-plugh");
});

test("the audit log says who made it, and not what is in it", async () => {
  await eventually("the creation is in the log", async () =>
    (await shell("c1", 'grep \'"verb":"create"\' /var/log/kubernetes/audit.log || true')).includes(
      '"name":"hidden"',
    ),
  );
  const log = await shell("c1", "cat /var/log/kubernetes/audit.log");
  expect(log).not.toContain("xyzzy");
  expect(log).not.toContain(Buffer.from("xyzzy-plugh").toString("base64"));
  expect(log).not.toContain('"resource":"leases"');
  expect(await shell("c1", "stat -c %a /var/log/kubernetes")).toBe("700\n");
});

test("a token is a user's until it is revoked", async () => {
  const alice = { username: "alice", groups: ["ops, really", "dev"] };
  const first = await call("POST", "kubernetes/auth/tokens", alice);
  const token = first.metadata!.token;
  expect(token).toMatch(/^token::[0-9a-f]{40}$/);
  const again = { ...alice, groups: ["dev", "ops, really"], unknown: 1 };
  expect((await call("POST", "kubernetes/auth/tokens", again)).metadata!.token).toBe(token);
  const whoami = () =>
    exec("c1", [
      "/opt/k8s/current/bin/kubectl",
      "--server=https://127.0.0.1:6443",
      "--certificate-authority=/etc/kubernetes/pki/ca.crt",
      `--token=${token}`,
      "auth",
      "whoami",
      "-o",
      "json",
    ]);
  const { stdout } = await whoami();
  expect(JSON.parse(stdout)).toMatchObject({
    status: {
      userInfo: { username: "alice", uid: "alice", groups: ["dev", "ops, really", "system:authenticated"] },
    },
  });
  expect((await call("DELETE", "kubernetes/auth/tokens", { token })).metadata).toBeNull();
  expect(
    (await call("DELETE", "kubernetes/auth/tokens", { token })).error_code,
    "an unknown one is gone",
  ).toBe(0);
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
  expect(await call("POST", "kubernetes/auth/webhook", review)).toMatchObject({
    kind: "TokenReview",
    status: { error: "invalid token" },
  });
  const other = (await call("POST", "kubernetes/auth/tokens", alice)).metadata!.token;
  expect(other, "a revoked token never comes back").not.toBe(token);
  expect(
    await shell("c1", `grep -rac '${other}' /var/snap/k8s/common/var/lib/etcd/data/member/snap/db || true`),
  ).toBe("0\n");
});

test("the webhook speaks Kubernetes' own form, to the API server alone", async () => {
  const token = (await call("POST", "kubernetes/auth/tokens", { username: "bob" })).metadata!.token;
  for (const version of ["v1", "v1beta1"]) {
    const review = {
      apiVersion: `authentication.k8s.io/${version}`,
      kind: "TokenReview",
      spec: { token, audiences: ["a"] },
    };
    expect(await call("POST", "kubernetes/auth/webhook", review)).toEqual({
      ...review,
      status: { authenticated: true, audiences: ["a"], user: { username: "bob", uid: "bob", groups: [] } },
    });
  }
  const wrong = { apiVersion: "v9", kind: "Pod", spec: { token } };
  expect(await call("POST", "kubernetes/auth/webhook", wrong)).toMatchObject({
    status: { error: /TokenReview/ },
  });
  const stranger = await shell(
    "c1",
    "curl -sk -X POST https://$(hostname -I | cut -d' ' -f1):6400/1.0/kubernetes/auth/webhook -d '{}'",
  );
  expect(JSON.parse(stranger)).toMatchObject({ error_code: 403 });
});

test.each([
  [{ username: "" }, /username cannot be empty/],
  [{ username: "x", groups: ["a", "a"] }, /named twice/],
  [{ username: "x", groups: [""] }, /cannot be empty/],
  [{ username: 7 }, /username: expected string/],
  [{ username: "x", groups: "dev" }, /groups: expected array/],
])("a token for %j is refused", async (body, reason) => {
  const answer = await call("POST", "kubernetes/auth/tokens", body);
  expect(answer).toMatchObject({ error_code: 400 });
  expect(answer.error).toMatch(reason);
});

test("while the daemon is away only its tokens fail", async () => {
  await shell("c1", "systemctl stop snap.k8s.k8sd");
  expect(await readyNodes("c1")).toEqual(["c1"]);
  await kubectl("c1", "create", "configmap", "without-daemon");
  await shell("c1", "systemctl start snap.k8s.k8sd");
});
