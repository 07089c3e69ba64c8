/** The command against units that run: what has no meaning without a machine. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NspawnMachines } from "@cantrip/machines";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packCharm } from "../support/charm.ts";
import { machinesFor } from "./machines.ts";
import { Server } from "./server.ts";

const server = new Server();
let machines: NspawnMachines;

const dispatch = `
case "$JUJU_DISPATCH_PATH" in
hooks/start) status-set active "at work" ;;
hooks/config-changed) if [ "$(config-get broken)" = True ]; then echo "told to fail" >&2; exit 1; fi ;;
hooks/ring-relation-created) relation-set -r "$JUJU_RELATION_ID" greeting=hello ;;
hooks/leader-elected) secret-add --label token value=s3cret >/dev/null ;;
actions/hello) action-log "greeting somebody"; action-set greeting="hello $(action-get name)" ;;
actions/fail) action-fail "it cannot be done" ;;
actions/crash) exit 3 ;;
esac
`;

beforeAll(async () => {
  const made = await machinesFor(server.directory);
  machines = made.machines;
  await server.start({ machinesConfig: made.configPath });
  await packCharm(server.directory, {
    name: "worker",
    dispatch,
    metadata: "peers:\n  ring: {interface: ring}\n",
    config: "options:\n  broken: {type: boolean, default: false}\n",
    actions:
      "hello:\n  description: says hello\n  params:\n    name: {type: string, default: you}\nfail: {}\ncrash: {}\n",
  });
  for (const argv of [
    ["add-model", "t1"],
    ["deploy", "./worker.charm"],
    ["wait-for", "unit", "worker/0", "--timeout", "3m"],
  ])
    expect(await server.run(...argv)).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await server.stop();
  await machines.cleanup();
  await machines.restore();
  server.clean();
});

const idle = 'workload-status=="active" && agent-status=="idle"';
const settled = async (query = idle): Promise<void> => {
  const waited = await server.run("wait-for", "unit", "worker/0", "--query", query, "--timeout", "1m");
  expect(waited).toMatchObject({ code: 0 });
};

test("the unit is active, with an address and a leader", async () => {
  await settled();
  const { stdout } = await server.run("status", "--utc");
  expect(stdout).toMatch(/^worker\/0\* {2}active {4}idle {3}0 {8}10\.79\.0\.\d+ +at work$/m);
});

test("an action says what it did, by exit code and documents", async () => {
  const done = await server.run("run", "worker/leader", "hello", "name=me", "--format", "json");
  expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining("greeting somebody") as string });
  expect(JSON.parse(done.stdout)).toMatchObject({
    "worker/0": {
      unit: "worker/0",
      status: "completed",
      results: { "return-code": 0, greeting: "hello me" },
      log: [expect.stringContaining("greeting somebody")],
    },
  });
  const failed = await server.run("run", "worker/0", "fail", "--format", "json");
  expect(failed).toMatchObject({ code: 0 });
  expect(JSON.parse(failed.stdout)).toMatchObject({
    "worker/0": { status: "failed", message: "it cannot be done" },
  });
  const crashed = await server.run("run", "worker/0", "crash", "--format", "json");
  expect(crashed).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/the following task failed:\n - id "\d+" with return code 3\n/) as string,
  });
  expect(JSON.parse(crashed.stdout)).toMatchObject({
    "worker/0": { status: "failed", results: { "return-code": 3 } },
  });
});

test("exec runs in the unit's context as root, and on its machine as ubuntu", async () => {
  expect(await server.run("exec", "--unit", "worker/0", "--", "status-get; echo oops >&2")).toMatchObject({
    code: 0,
    stdout: "active\n",
    stderr: expect.stringContaining("oops\n") as string,
  });
  const failed = await server.run("exec", "--unit", "worker/0", "--format", "json", "--", "exit 7");
  expect(failed).toMatchObject({ code: 1 });
  expect(JSON.parse(failed.stdout)).toMatchObject({
    "worker/0": { status: "completed", results: { "return-code": 7 } },
  });
  expect(await server.run("exec", "--unit", "worker/0", "--", "id -un")).toMatchObject({ stdout: "root\n" });
  const onMachine = "hostname; id -un; pwd; echo $HOME; sudo id -un";
  expect(await server.run("exec", "--machine", "0", "--", onMachine)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^juju-.*-0\nubuntu\n\/home\/ubuntu\n\/home\/ubuntu\nroot\n$/) as string,
  });
});

test("ssh and scp reach the machine, and pass its exit code on", async () => {
  expect(await server.spawned("ssh", "worker/0", "hostname; whoami")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^juju-.*-0\nubuntu\n$/) as string,
  });
  expect(await server.spawned("ssh", "root@worker/leader", "true")).toMatchObject({ code: 255 });
  expect(await server.spawned("ssh", "0", "--", "exit", "5")).toMatchObject({ code: 5, stdout: "" });
  writeFileSync(join(server.directory, "there.txt"), "and back");
  expect(
    await server.spawned("scp", "--", join(server.directory, "there.txt"), "worker/0:/tmp/there.txt"),
  ).toMatchObject({ code: 0 });
  expect(
    await server.spawned("scp", "worker/0:/tmp/there.txt", join(server.directory, "back.txt")),
  ).toMatchObject({ code: 0 });
  expect(readFileSync(join(server.directory, "back.txt"), "utf8")).toBe("and back");
});

test("a failed hook shows, is explained, and is resolved", async () => {
  expect(await server.run("config", "worker", "broken=true")).toMatchObject({ code: 0 });
  await settled('workload-status=="error"');
  expect((await server.run("status")).stdout).toContain('hook failed: "config-changed"');
  const why = await server.run("why", "worker/0");
  expect(why.stdout).toMatch(/config-changed/);
  expect(why.stdout).toMatch(/options of worker changed: broken +user admin, by set-config/);
  expect(await server.run("config", "worker", "broken=false")).toMatchObject({ code: 0 });
  expect(await server.run("resolved", "worker/0")).toMatchObject({ code: 0 });
  await settled();
});

test("what was logged, which statuses there were, who wrote what", async () => {
  const log = await server.run("debug-log", "--replay", "--include", "worker/0", "--utc");
  expect(log.stdout).toMatch(/^unit-worker-0: \d\d:\d\d:\d\d INFO unit\.worker\/0\.juju-log RAN install$/m);
  expect((await server.run("debug-log", "--limit", "3")).stdout.trimEnd().split("\n")).toHaveLength(3);
  const history = await server.run("show-status-log", "worker/0", "-n", "100", "--utc");
  expect(history.stdout).toMatch(/^\d{4}-.*Z {2}workload +active +at work$/m);
  expect((await server.run("history", "0", "worker/0", "greeting")).stdout).toMatch(
    /worker\/0 +ring-relation-created +greeting +hello\n/,
  );
  const secrets = JSON.parse((await server.run("secrets", "--format", "json")).stdout) as Record<
    string,
    object
  >;
  const [id = ""] = Object.keys(secrets);
  const secret = secrets[id];
  expect(secret).toMatchObject({ revision: 1, owner: "worker", label: "token" });
  expect(
    JSON.parse((await server.run("show-secret", id, "--reveal", "--format", "json")).stdout),
  ).toMatchObject({ [id]: { content: { Data: { value: "s3cret" } } } });
});

test("a removed unit takes its machine along", async () => {
  expect(await server.run("remove-application", "worker", "--no-prompt")).toMatchObject({ code: 0 });
  expect(await server.run("destroy-model", "t1", "--no-prompt", "--timeout", "2m")).toMatchObject({
    code: 0,
  });
  expect(await machines.list()).toEqual([]);
});
