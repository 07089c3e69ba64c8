/**
 * The whole path on real machines: controller process, agents, hooks, hook tools, with kills in between.
 * The tests build on each other: one model, one after another.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Resource } from "@cantrip/model";
import { packCharm } from "./support/charm.ts";
import { Harness, until, type TestModel } from "./support/harness.ts";

const run = promisify(execFile);
const base = { name: "ubuntu", channel: "24.04" };
const metadata = `peers:
  peers: {interface: kit-peers}
provides:
  out: {interface: link}
requires:
  in: {interface: link}
resources:
  blob: {type: file, filename: blob.txt}
`;
const config = `options:
  greeting: {type: string, default: hello, description: a word}
  slow: {type: int, default: 0, description: seconds that config-changed takes}
`;
const actions = `greet:
  description: says it
  params:
    name: {type: string, default: you}
stumble:
  description: fails
linger:
  description: takes long
`;
const dispatch = `
[ ! -e /tmp/fail-$hook ] || exit 3
case $hook in
install) application-version-set 1.2.3 ;;
config-changed)
  sleep "$(config-get slow)"
  status-set active "$(config-get greeting)"
  if [ -e /var/tmp/reboot-once ]; then rm /var/tmp/reboot-once; juju-reboot; fi ;;
start) [ "$(status-get)" = active ] ;;
out-relation-created)
  relation-set hello="from $JUJU_UNIT_NAME"
  if [ "$(is-leader)" = True ]; then
    id=$(secret-add --owner application --label token token=s3cret-left)
    secret-grant "$id" -r "$JUJU_RELATION_ID"
    relation-set --app secret-id="$id"
  fi ;;
in-relation-changed)
  id=$(relation-get --app secret-id left || true)
  if [ -n "$id" ]; then
    state-set got="$(secret-get "$id" token)"
    state-set heard="$(relation-get hello left/0)"
  fi
  if [ -z "$(relation-get answer-id "$JUJU_UNIT_NAME")" ]; then
    mine=$(secret-add --owner unit word=s3cret-right)
    secret-grant "$mine" -r "$JUJU_RELATION_ID"
    relation-set answer-id="$mine"
  fi ;;
out-relation-changed)
  [ -z "\${JUJU_REMOTE_UNIT:-}" ] || state-set answer="$(secret-get "$(relation-get answer-id -  2>/dev/null || relation-get answer-id)" word)" ;;
greet)
  action-log "about to greet"
  action-set greeting.text="$(config-get greeting) $(action-get name)" ;;
stumble) action-fail "over a stone"; exit 0 ;;
linger) sleep 60 ;;
esac
`;

let harness: Harness;
let model: TestModel;
let charmUrl: string;

beforeAll(async () => {
  harness = await Harness.open({ name: "ctl", number: 34 });
  model = harness.model("system");
  await model.create();
  charmUrl = await model.addCharm(
    await packCharm(harness.directory, { name: "kit", metadata, config, actions, dispatch }),
  );
}, 120_000);
afterAll(() => harness?.close());

const deploy = (application: string, settings: Record<string, string> = {}) =>
  model.execute({ type: "deploy", application, charmUrl, units: 1, base, settings });
const hostnameOf = async (unit: string) => {
  const state = await model.state();
  return state.machines[state.units[unit]?.machine ?? ""]?.hostname ?? "";
};
const onMachine = async (unit: string, ...argv: string[]) =>
  harness.machines.exec(await hostnameOf(unit), argv, { timeoutMs: 60_000 });

/** The status says "running" before there is a process: this waits for the hook's own `sleep`. */
const hookSleeps = (unit: string, seconds: number) =>
  until(
    `the hook of ${unit} sleeps`,
    async () => (await onMachine(unit, "pgrep", "-x", "-f", `sleep ${seconds}`)).exitCode === 0,
    10_000,
  );

/** Runs an action or command and waits for its end. */
async function runTask(
  receiver: string,
  action: string,
  parameters: Record<string, unknown> = {},
  during?: (task: string) => Promise<unknown>,
) {
  await model.execute({ type: "enqueue-action", requests: [{ receiver, action, parameters }] });
  const id = String((await model.state()).counters.task);
  await during?.(id);
  const state = await model.waitFor(`task ${id} ends`, (s) => s.tasks[id]?.completedAt !== undefined);
  return state.tasks[id];
}

describe("a charm on a machine", () => {
  test("a new unit runs its hooks in order and reports what the charm says", async () => {
    await deploy("left");
    const state = await model.waitIdle("left/0");
    expect(await model.trace("left/0")).toEqual([
      "install",
      "peers-relation-created",
      "leader-elected",
      "config-changed",
      "start",
    ]);
    expect(state.units["left/0"]?.workloadStatus).toMatchObject({ status: "active", message: "hello" });
    expect(state.applications["left"]).toMatchObject({ leader: "left/0", workloadVersion: "1.2.3" });
    expect(state.machines["0"]).toMatchObject({
      agentStatus: { status: "started" },
      instanceStatus: { status: "running" },
    });
  });

  test("every event names the hook that caused it", async () => {
    const events = await model.events();
    const version = events.find(({ event }) => event.type === "workload-version-set");
    expect(version?.cause).toMatchObject({
      by: "agent",
      unit: "left/0",
      hook: "install",
      command: "set-workload-version",
    });
  });

  test("the agent is small", async () => {
    const { stdout } = await onMachine(
      "left/0",
      "sh",
      "-c",
      'grep VmRSS "/proc/$(systemctl show -P MainPID cantrip-agent)/status"',
    );
    expect(Number(/\d+/.exec(stdout)?.[0]) / 1024).toBeLessThan(90);
  });

  test("a changed option is seen by config-changed", async () => {
    await model.execute({
      type: "set-config",
      application: "left",
      settings: { greeting: "good day" },
      reset: [],
    });
    await model.waitFor(
      "the status follows",
      (s) => s.units["left/0"]?.workloadStatus.message === "good day",
    );
  });

  test("actions answer, fail and are logged", async () => {
    const task = await runTask("left/0", "greet", { name: "Ada" });
    expect(task).toMatchObject({
      status: "completed",
      results: { "return-code": 0, greeting: { text: "good day Ada" } },
    });
    expect(task?.log.map((l) => l.message)).toEqual(["about to greet"]);
    expect(await runTask("left/0", "stumble")).toMatchObject({ status: "failed", message: "over a stone" });
  });

  test("a running action is cancelled", async () => {
    const cancel = async (task: string) => {
      await model.waitFor("it runs", (s) => s.tasks[task]?.status === "running");
      await model.execute({ type: "cancel-task", task });
    };
    expect(await runTask("left/0", "linger", {}, cancel)).toMatchObject({ status: "aborted" });
    await model.waitIdle("left/0");
  });

  test("commands run in the unit's context, with its tools, and on the machine", async () => {
    const inUnit = await runTask("left/0", "juju-exec", {
      command: "config-get greeting; echo oops >&2; exit 4",
      timeout: 0,
    });
    expect(inUnit).toMatchObject({
      status: "completed",
      results: { "return-code": 4, stdout: "good day\n", stderr: "oops\n" },
    });
    const onIt = await runTask("0", "juju-exec", { command: "hostname" });
    expect(onIt?.results["stdout"]).toBe(`${await hostnameOf("left/0")}\n`);
    const tooLong = await runTask("left/0", "juju-exec", { command: "sleep 60", timeout: 500_000_000 });
    expect(tooLong?.results["return-code"]).not.toBe(0);
  });

  test("juju-exec on the machine runs in the unit's context and commits", async () => {
    const { stdout, exitCode } = await onMachine(
      "left/0",
      "juju-exec",
      "left/0",
      "state-set by=exec && is-leader",
    );
    expect([stdout, exitCode]).toEqual(["True\n", 0]);
    expect((await model.state()).units["left/0"]?.charmState["by"]).toBe("exec");
    const refused = await onMachine("left/0", "juju-exec", "left/0", "exit 7");
    expect(refused.exitCode).toBe(7);
    const absent = await onMachine("left/0", "juju-exec", "nobody/0", "true");
    expect([absent.exitCode, absent.stderr]).toEqual([
      1,
      expect.stringContaining('in the context of "nobody/0"'),
    ]);
  });

  test("the controller's key opens the machine for the user ubuntu", async () => {
    const { addresses = [] } = (await model.state()).machines["0"] ?? {};
    const key = `${harness.directory}/state/ssh_id_ed25519`;
    const options = [
      "-i",
      key,
      "-o",
      "StrictHostKeyChecking=no",
      "-o",
      "UserKnownHostsFile=/dev/null",
      "-o",
      "BatchMode=yes",
    ];
    const { stdout } = await run("ssh", [...options, `ubuntu@${addresses[0]}`, "sudo", "id", "-un"]);
    expect(stdout).toBe("root\n");
  });

  test("juju-exec within a hook is refused, as it would wait for itself", async () => {
    const task = await runTask("left/0", "juju-exec", { command: "juju-exec left/0 true" });
    expect(task?.results).toMatchObject({
      "return-code": 1,
      stderr: expect.stringContaining("cannot be called from within a hook"),
    });
  });

  test("a machine's command that its agent did not survive has failed", async () => {
    const kill = async (task: string) => {
      await model.waitFor("it runs", (s) => s.tasks[task]?.status === "running");
      await onMachine("left/0", "systemctl", "kill", "--kill-whom=main", "-s", "KILL", "cantrip-agent");
    };
    const task = await runTask("0", "juju-exec", { command: "sleep 30" }, kill);
    expect(task).toMatchObject({ status: "failed", message: "the agent died while it ran" });
  });

  test("hook tools outside a hook say so", async () => {
    const { exitCode, stderr } = await onMachine("left/0", "/var/lib/juju/tools/unit-left-0/config-get");
    expect([exitCode, stderr]).toEqual([1, "ERROR JUJU_CONTEXT_ID not set\n"]);
  });

  test("related applications exchange data and secrets, both ways", async () => {
    await deploy("right");
    await model.waitIdle("right/0");
    await model.execute({ type: "integrate", endpoints: ["left:out", "right:in"] });
    const state = await model.waitFor(
      "both have heard",
      (s) => s.units["right/0"]?.charmState["got"] && s.units["left/0"]?.charmState["answer"],
    );
    expect(state.units["right/0"]?.charmState).toMatchObject({ got: "s3cret-left", heard: "from left/0" });
    expect(state.units["left/0"]?.charmState).toMatchObject({ answer: "s3cret-right" });
    expect(await model.trace("right/0")).toEqual(
      expect.arrayContaining([
        "in-relation-created",
        "in-relation-joined(left/0)",
        "in-relation-changed(left/0)",
      ]),
    );
    const log = JSON.stringify([await model.events(), state.secrets]);
    expect(log).not.toContain("token=s3cret");
    const [secret] = Object.values(state.secrets);
    const content = await harness.ask({
      ask: "secret",
      model: "system",
      contentId: secret?.revisions[0]?.contentId,
    });
    expect(Object.values(content as object).join()).toMatch(/s3cret-(left|right)/);
  });
});

describe("upgrades, resources, reboots", () => {
  test("a refresh replaces the charm's files, then runs upgrade-charm and config-changed", async () => {
    await model.waitIdle("left/0", "right/0");
    const files = { "new.txt": "new" };
    const source = { name: "kit", metadata, config, actions, dispatch, files };
    const newUrl = await model.addCharm(await packCharm(harness.directory, source));
    expect(newUrl).toBe("local:kit-1");
    await model.execute({ type: "set-charm", application: "right", charmUrl: newUrl });
    await model.waitFor(
      "it is upgraded",
      (s) => s.units["right/0"]?.charmUrl === newUrl && !s.units["right/0"]?.uniter.queued.length,
    );
    await model.waitIdle("right/0");
    expect((await model.trace("right/0")).slice(-2)).toEqual(["upgrade-charm", "config-changed"]);
    const { stdout } = await onMachine("right/0", "cat", "/var/lib/juju/agents/unit-right-0/charm/new.txt");
    expect(stdout).toBe("new");
  });

  test("a resource is fetched when the charm asks for it, and one never uploaded is named", async () => {
    const missing = await runTask("right/0", "juju-exec", { command: "resource-get blob" });
    expect(missing?.results).toMatchObject({
      "return-code": 1,
      stderr: expect.stringContaining("could not download resource"),
    });
    const resource = await harness.ask<Resource>({
      ask: "put-blob",
      name: "blob",
      path: "blob.txt",
      text: "the resource",
    });
    await model.execute({ type: "set-resource", application: "right", resource });
    await model.waitFor(
      "it is upgraded",
      (s) =>
        s.units["right/0"]?.uniter.charmModifiedVersion === s.applications["right"]?.charmModifiedVersion,
    );
    await model.waitIdle("right/0");
    const found = await runTask("right/0", "juju-exec", { command: 'cat "$(resource-get blob)"' });
    expect(found?.results["stdout"]).toBe("the resource\n");
  });

  test("juju-reboot after a hook reboots the machine, and `start` runs again", async () => {
    const before = (await model.trace("right/0")).filter((h) => h === "start").length;
    await onMachine("right/0", "touch", "/var/tmp/reboot-once");
    await model.execute({
      type: "set-config",
      application: "right",
      settings: { greeting: "after reboot" },
      reset: [],
    });
    await until(
      "start has run",
      async () => (await model.trace("right/0")).filter((h) => h === "start").length > before,
      60_000,
    );
    const state = await model.waitIdle("right/0");
    expect(state.units["right/0"]?.workloadStatus.message).toBe("after reboot");
  });
});

describe("when things fail", () => {
  test("a hook that fails puts the unit into error, is tried again, and goes on when resolved", async () => {
    await onMachine("left/0", "touch", "/tmp/fail-config-changed");
    await model.execute({
      type: "set-config",
      application: "left",
      settings: { greeting: "again" },
      reset: [],
    });
    const failed = await model.waitFor(
      "it fails twice",
      (s) => (s.units["left/0"]?.uniter.failed?.attempts ?? 0) >= 2,
      30_000,
    );
    expect(failed.units["left/0"]?.agentStatus).toMatchObject({
      status: "error",
      message: 'hook failed: "config-changed"',
    });
    await onMachine("left/0", "rm", "/tmp/fail-config-changed");
    await model.execute({ type: "resolve", unit: "left/0", retry: true });
    const state = await model.waitIdle("left/0");
    expect(state.units["left/0"]?.workloadStatus.message).toBe("again");
  });

  test("a controller killed during a hook finds it done: it ran once, and its tools waited", async () => {
    const runs = async () =>
      Number((await onMachine("left/0", "grep", "-c", "-x", "config-changed", "/tmp/ran-left-0")).stdout);
    const before = await runs();
    await model.execute({
      type: "set-config",
      application: "left",
      settings: { slow: 2, greeting: "patient" },
      reset: [],
    });
    await model.waitFor(
      "it runs",
      (s) => s.units["left/0"]?.agentStatus.message === "running config-changed hook",
    );
    await harness.killController();
    await new Promise((done) => setTimeout(done, 3_000));
    await harness.startController();
    const state = await model.waitFor(
      "it is done",
      (s) => s.units["left/0"]?.workloadStatus.message === "patient" && !s.units["left/0"]?.uniter.current,
    );
    expect(state.units["left/0"]?.agentStatus.status).toBe("idle");
    expect(await runs()).toBe(before + 1);
    await model.execute({ type: "set-config", application: "left", settings: {}, reset: ["slow"] });
  });

  test("a controller killed during add-unit completes it", async () => {
    await model.execute({ type: "add-unit", application: "left", count: 1 });
    await model.waitFor("it has begun", (s) =>
      Object.values(s.machines).some((m) => m.instanceStatus.status === "allocating"),
    );
    await harness.killController();
    await harness.startController();
    await model.waitIdle("left/1");
    const known = Object.values((await model.state()).machines).map((m) => m.hostname);
    expect((await harness.machines.list()).map((m) => m.name).sort()).toEqual(known.sort());
    expect((await model.trace("left/1")).slice(0, 2)).toEqual(["install", "peers-relation-created"]);
  });

  test("an agent killed in mid-hook reports it failed, and it is tried again", async () => {
    await model.waitIdle("left/0", "left/1");
    const slow = { type: "set-config", application: "right", settings: { slow: 20 }, reset: [] } as const;
    await model.execute(slow);
    await model.waitFor(
      "it runs",
      (s) => s.units["right/0"]?.agentStatus.message === "running config-changed hook",
    );
    await hookSleeps("right/0", 20);
    await onMachine("right/0", "systemctl", "kill", "--kill-whom=main", "-s", "KILL", "cantrip-agent");
    const failed = await model.waitFor("it counts as failed", (s) => s.units["right/0"]?.uniter.failed);
    expect(failed.units["right/0"]?.uniter.failed?.message).toContain("died");
    const { stdout } = await onMachine("right/0", "sh", "-c", "pgrep -x sleep || true");
    expect(stdout).toBe("");
    await model.execute({ ...slow, settings: { slow: 0, greeting: "back" } });
    const state = await model.waitFor(
      "it is done",
      (s) => s.units["right/0"]?.workloadStatus.message === "back",
      30_000,
    );
    expect(state.units["right/0"]?.agentStatus.status).not.toBe("error");
  });

  test("an agent that is stopped in mid-hook ends it, and it runs again", async () => {
    await model.waitIdle("right/0");
    await model.execute({ type: "set-config", application: "right", settings: { slow: 15 }, reset: [] });
    await model.waitFor(
      "it runs",
      (s) => s.units["right/0"]?.agentStatus.message === "running config-changed hook",
    );
    await hookSleeps("right/0", 15);
    await model.execute({
      type: "set-config",
      application: "right",
      settings: { slow: 0, greeting: "interrupted" },
      reset: [],
    });
    await onMachine("right/0", "systemctl", "restart", "cantrip-agent");
    const state = await model.waitFor(
      "it ran again",
      (s) => s.units["right/0"]?.workloadStatus.message === "interrupted",
      30_000,
    );
    expect(state.units["right/0"]?.uniter.failed).toBeUndefined();
  });

  test("a machine that is killed and started again runs `start`", async () => {
    await model.waitIdle("right/0");
    const before = (await model.trace("right/0")).filter((h) => h === "start").length;
    const name = await hostnameOf("right/0");
    await harness.machines.kill(name);
    await harness.machines.start(name);
    await until(
      "start has run",
      async () => (await model.trace("right/0")).filter((h) => h === "start").length === before + 1,
      30_000,
    );
    await model.waitIdle("right/0");
  });

  test("a machine that dies by itself is started again", async () => {
    const name = await hostnameOf("right/0");
    const leader = (await harness.machines.get(name))?.leaderPid ?? 0;
    process.kill(leader, "SIGKILL");
    await until(
      "it is back",
      async () => {
        const found = await harness.machines.get(name);
        return found?.state === "running" && found.leaderPid !== leader;
      },
      30_000,
    );
    await model.waitIdle("right/0");
  });

  test("a machine that stays away is down and its unit lost, until it is back", async () => {
    const name = await hostnameOf("right/0");
    await harness.machines.kill(name);
    const down = await model.waitFor(
      "it is down",
      (s) => s.units["right/0"]?.agentStatus.status === "lost",
      40_000,
    );
    expect(down.machines[down.units["right/0"]?.machine ?? ""]?.agentStatus).toMatchObject({
      status: "down",
      message: "agent is not communicating with the server",
    });
    await harness.machines.start(name);
    await model.waitIdle("right/0");
  });
});

describe("the end", () => {
  test("a removed unit leaves nothing: no machine, no secret of its own, no member", async () => {
    await model.waitIdle("left/1");
    const name = await hostnameOf("left/1");
    const { machine = "" } = (await model.state()).units["left/1"] ?? {};
    await model.execute({ type: "remove-unit", unit: "left/1" });
    const state = await model.waitFor("it is gone", (s) => !s.units["left/1"] && !s.machines[machine]);
    expect(await harness.machines.get(name)).toBeUndefined();
    expect(JSON.stringify(state.relations)).not.toContain("left/1");
    expect((await model.trace("left/1")).slice(-2)).toEqual(["stop", "remove"]);
  });

  test("a unit that goes from a machine that stays takes its directories along", async () => {
    await model.execute({ type: "add-machine", base });
    const id = String((await model.state()).counters.machine - 1);
    await model.execute({ type: "add-unit", application: "right", count: 1, placement: [id] });
    await model.waitIdle("right/1");
    const host = await hostnameOf("right/1");
    await model.execute({ type: "remove-unit", unit: "right/1" });
    await model.waitFor("it is gone", (s) => !s.units["right/1"]);
    const left =
      "ls -d /var/lib/juju/agents/unit-right-1 /var/lib/juju/tools/unit-right-1 2>/dev/null | wc -l";
    await until(
      "its directories are gone",
      async () => (await harness.machines.exec(host, ["sh", "-c", left])).stdout === "0\n",
      10_000,
    );
  });

  test("a destroyed model takes its machines along", async () => {
    await model.execute({ type: "destroy-model" });
    await until(
      "it is gone",
      async () =>
        model.state().then(
          () => false,
          () => true,
        ),
      60_000,
    );
    expect(await harness.machines.list()).toEqual([]);
    expect(existsSync(harness.directory)).toBe(true);
  });
});
