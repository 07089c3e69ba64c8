import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { writeClientFiles, ClientFiles } from "../../src/command/client-files.ts";
import { Picture, type Delta } from "../../src/command/waiting/picture.ts";
import { packCharm } from "../support/charm.ts";
import { Server, type Outcome } from "./server.ts";

const server = new Server();
const run = (...argv: string[]): Promise<Outcome> => server.run(...argv);
const ok = async (...argv: string[]): Promise<string> => {
  const outcome = await run(...argv);
  expect(outcome, argv.join(" ")).toMatchObject({ code: 0 });
  return outcome.stdout;
};
const json = async <Value = Record<string, unknown>>(...argv: string[]): Promise<Value> =>
  JSON.parse(await ok(...argv, "--format", "json")) as Value;

beforeAll(async () => {
  await server.start();
  await packCharm(server.directory, {
    name: "tiny",
    dispatch: "exit 0\n",
    metadata:
      "peers:\n  ring: {interface: ring}\nprovides:\n  site: {interface: http}\nrequires:\n  db: {interface: http}\nresources:\n  blob: {type: file, filename: blob.tar}\n",
    config:
      "options:\n  port: {type: int, default: 80, description: the port}\n  title: {type: string, description: the title}\n",
    actions: "hello:\n  description: says hello\n  params:\n    name: {type: string, default: you}\n",
  });
  await packCharm(server.directory, { name: "lone", dispatch: "exit 0\n" });
  writeFileSync(join(server.directory, "blob.tar"), "a blob");
  writeFileSync(join(server.directory, "text.charm"), "this is no zip");
  await ok("add-model", "t1");
}, 60_000);

afterAll(async () => {
  await server.stop();
  server.clean();
}, 20_000);

describe("a model, from deploy to removal", { timeout: 60_000 }, () => {
  test("deploy makes units and machines, with options, constraints and a resource", async () => {
    const outcome = await server.spawned(
      "deploy",
      "./tiny.charm",
      "-n",
      "2",
      "--config",
      "port=8080",
      "--constraints",
      "mem=2G",
      "--resource",
      "blob=blob.tar",
      "--trust",
    );
    expect(outcome).toMatchObject({ code: 0, stdout: "" });
    expect(outcome.stderr).toContain(
      'Deploying "tiny" from local charm "tiny", revision 0 on ubuntu@24.04/stable\n',
    );
    const { applications, machines } = await json<{ applications: Record<string, object>; machines: object }>(
      "status",
    );
    expect(applications["tiny"]).toMatchObject({
      charm: "local:tiny-0",
      "charm-origin": "local",
      units: { "tiny/0": { machine: "0" }, "tiny/1": { machine: "1" } },
    });
    expect(machines).toMatchObject({
      "0": { constraints: "mem=2048M" },
      "1": { "juju-status": { current: "pending" } },
    });
    expect(await ok("config", "tiny", "trust")).toBe("true\n");
    expect(await ok("resources", "tiny")).toMatch(
      /^Resource {2}Supplied by {2}Revision\nblob {6}admin {8}\d{4}-/,
    );
  });

  test("options are shown, set, set back and read one by one", async () => {
    expect(await ok("config", "tiny", "port")).toBe("8080\n");
    writeFileSync(join(server.directory, "title.txt"), "from a file");
    expect(await ok("config", "tiny", "port=9090", "title=@title.txt")).toBe("");
    expect(await json("config", "tiny")).toEqual({
      application: "tiny",
      charm: "tiny",
      "application-config": expect.objectContaining({
        trust: expect.objectContaining({ value: true, source: "user" }) as object,
      }) as object,
      settings: {
        port: { type: "int", description: "the port", source: "user", default: 80, value: 9090 },
        title: { type: "string", description: "the title", source: "user", value: "from a file" },
      },
    });
    await ok("config", "tiny", "--reset", "port,title");
    expect(await ok("config", "tiny", "port")).toBe("80\n");
    await ok("trust", "tiny", "--remove");
    expect(await ok("config", "tiny", "trust")).toBe("false\n");
  });

  test("relations come and go, silently", async () => {
    await ok("deploy", "./tiny.charm", "other", "-n", "1");
    expect(await run("integrate", "tiny:db", "other")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await ok("status", "--relations")).toContain(
      "other:site            tiny:db     http       regular\n",
    );
    expect(await json("show-unit", "tiny/0")).toMatchObject({
      "tiny/0": {
        machine: "0",
        life: "alive",
        "relation-info": [{ endpoint: "ring" }, { endpoint: "db", "related-endpoint": "site" }],
      },
    });
    expect(await run("remove-relation", "tiny:db", "other:site")).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("an action waits for its unit, is shown, and is cancelled", async () => {
    const waited = await run("run", "tiny/0", "hello", "--wait", "200ms", "--format", "json");
    expect(waited).toMatchObject({
      code: 1,
      stdout: "{}\n",
      stderr: expect.stringContaining("ERROR timed out waiting for results from: unit tiny/0\n") as string,
    });
    const { stderr } = await run("run", "tiny/1", "hello", "name=me", "--background");
    const task = /with task (?<task>\d+)/.exec(stderr)?.groups?.["task"] ?? "";
    expect(await json("show-task", task)).toMatchObject({ id: task, status: "pending", unit: "tiny/1" });
    await ok("cancel-task", task);
    expect(await json("show-task", task)).toMatchObject({ status: "cancelled" });
    const refused = await run("run", "tiny/0", "nope", "--format", "json");
    expect(refused).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringContaining('action "nope" not defined on unit "tiny/0"') as string,
    });
    expect(await ok("actions", "tiny")).toBe("Action  Description\nhello   says hello\n");
  });

  test("units are added and removed", async () => {
    await ok("add-unit", "tiny", "-n", "2");
    expect(await run("remove-unit", "tiny/2", "tiny/3", "--no-prompt")).toMatchObject({
      code: 0,
      stdout: "will remove unit tiny/2\nwill remove unit tiny/3\n",
    });
    const half = await run("remove-unit", "tiny/1", "tiny/99", "--no-prompt");
    expect(half).toEqual({
      code: 1,
      stdout: "will remove unit tiny/1\n",
      stderr: 'ERROR removing unit tiny/99 failed: unit "tiny/99" not found\n',
    });
  });

  test("removal is confirmed at a terminal, and refused where nobody can", async () => {
    expect(await run("remove-unit", "tiny/0")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("say --no-prompt") as string,
    });
    const no = await server.runWith({ ask: () => Promise.resolve("n") }, "remove-unit", "tiny/0");
    expect(no).toMatchObject({ code: 1, stderr: "ERROR aborted\n" });
    expect(await json("show-unit", "tiny/0")).toMatchObject({ "tiny/0": { life: "alive" } });
    expect(await server.runWith({ ask: () => Promise.resolve("y") }, "remove-unit", "tiny/0")).toMatchObject({
      code: 0,
    });
  });

  test("an application goes with its units, and wait-for sees it", async () => {
    await ok("deploy", "./lone.charm");
    const told = vi.spyOn(Picture.prototype, "apply");
    const gone = run("wait-for", "application", "lone", "--query", 'life=="dead"', "--timeout", "20s");
    // the unit was never there, so it is gone at once: the watcher has to see it before
    const isLone = ([kind, , { name }]: Delta) => kind === "application" && name === "lone";
    await vi.waitFor(() => expect(told.mock.calls.flat(2).some(isLone)).toBe(true), { timeout: 10_000 });
    told.mockRestore();
    expect(await ok("remove-application", "lone", "--no-prompt")).toBe(
      "will remove application lone\n- will remove unit lone/0\n",
    );
    expect(await gone).toMatchObject({ code: 0, stderr: 'Application "lone" is removed\n' });
    expect(await run("wait-for", "application", "other", "--timeout", "300ms")).toMatchObject({
      code: 1,
      stderr: 'ERROR timed out waiting for "other" to reach goal state\n',
    });
  });

  test("why names who asked", async () => {
    expect(await ok("why", "other/0")).toMatch(/other\/0 was added +user admin, by deploy\n/);
  });

  test("models: added, switched, configured, destroyed", async () => {
    await ok("add-model", "t2", "--config", "update-status-hook-interval=1m");
    expect(await run("status")).toMatchObject({ code: 0, stderr: '\nModel "t2" is empty.\n' });
    expect(await json("model-config")).toMatchObject({
      name: { Value: "t2", Source: "model" },
      "update-status-hook-interval": { Value: "1m", Source: "model" },
    });
    expect(await run("switch", "t1")).toMatchObject({ stderr: "mini:admin/t2 -> mini:admin/t1\n" });
    expect(await ok("switch")).toBe("mini:admin/t1\n");
    expect(await ok("models")).toMatch(/^Controller: mini\n\nModel {2}.*\nt1\* .*\nt2 /);
    const destroyed = await run("destroy-model", "t2", "--no-prompt");
    expect(destroyed).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("Model destroyed.\n") as string,
    });
    expect(await run("status", "-m", "t2")).toMatchObject({
      code: 1,
      stderr: 'ERROR model admin/t2 not found on controller "mini": see "cantrip models"\n',
    });
    expect(await run("add-model", "t1")).toMatchObject({
      code: 1,
      stderr: 'ERROR model "t1" for admin already exists\n',
    });
  });
});

describe("wrong uses change nothing and say what is wrong", { timeout: 60_000 }, () => {
  const rows: [argv: string[], code: number, message: string | RegExp][] = [
    [["deploy", "./nothere.charm"], 1, 'cannot deploy "./nothere.charm": there is no such file'],
    [["deploy", "./text.charm"], 1, /"\.\/text\.charm" is no charm: .*not a zip file/],
    [["deploy", "./data"], 1, /it is a directory, expected a packed \.charm file/],
    [["deploy", "k8s"], 1, /charm "k8s" not found: there is no charm store here/],
    [["deploy", "./tiny.charm", "other"], 1, /^cannot add application "other": application already exists/],
    [["deploy", "./tiny.charm", "new", "--config", "prt=1"], 1, 'unknown option "prt"'],
    [["deploy", "./tiny.charm", "new", "--config", "port=x"], 1, 'option "port" expected int, got "x"'],
    [
      ["deploy", "./tiny.charm", "new", "--config", "nofile"],
      1,
      'cannot read config file "nofile": there is no such file',
    ],
    [
      ["deploy", "./tiny.charm", "new", "--resource", "foo=blob.tar"],
      1,
      'unrecognized resource "foo" of charm "tiny": it has blob',
    ],
    [
      ["deploy", "./tiny.charm", "new", "--resource", "blob=./gone"],
      1,
      'cannot use "./gone" as resource "blob": there is no such file',
    ],
    [["deploy", "./tiny.charm", "new", "--to", "77"], 1, 'cannot deploy "new": machine 77 not found'],
    [["deploy", "./tiny.charm", "new", "--to", "lxd:0"], 1, /expected ids of machines/],
    [["deploy", "./tiny.charm", "New"], 2, /invalid application name "New"/],
    [["deploy", "./tiny.charm", "new", "-n", "many"], 2, /invalid value "many" for option --num-units/],
    [["deploy", "./tiny.charm", "new", "--constraints", "mem=big"], 2, /bad "mem" constraint/],
    [["deploy"], 2, "missing required argument 'charm'"],
    [["deploy", "./tiny.charm", "new", "--frobnicate"], 2, /^option provided but not defined: --frobnicate/],
    [["integrate", "other", "nope"], 1, 'application "nope" not found'],
    [["integrate", "other:site", "other:site"], 1, /./],
    [["integrate", "other"], 2, /a relation must involve two applications/],
    [["integrate", "other", "a b"], 2, 'endpoint "a b" not valid: expected APPLICATION[:ENDPOINT]'],
    [["remove-relation", "4711"], 1, /4711 not found/],
    [["config", "other", "port=x"], 1, 'option "port" expected int, got "x"'],
    [["config", "other", "nope=1"], 1, 'unknown option "nope"'],
    [["config", "nope"], 1, 'application "nope" not found'],
    [
      ["config", "other", "port=1", "--reset", "port"],
      2,
      'key "port" cannot be both set and reset in the same command',
    ],
    [["add-unit", "nope"], 1, 'application "nope" not found'],
    [["add-unit", "other", "-n", "0"], 2, /at least 1/],
    [["remove-unit", "other"], 2, 'invalid unit name "other": expected APPLICATION/NUMBER'],
    [["show-unit", "other/9"], 1, 'unit "other/9" not found'],
    [["run", "other", "hello"], 2, /invalid unit name "other"/],
    [["exec", "--", "true"], 2, /You must specify a target/],
    [["exec", "--unit", "other/0"], 2, "no commands specified"],
    [["ssh", "other/0"], 1, /has no address yet/],
    [
      ["refresh", "other", "--path", "./lone.charm"],
      1,
      /it runs charm "tiny", "\.\/lone\.charm" is charm "lone"/,
    ],
    [
      ["attach-resource", "other", "nope=blob.tar"],
      1,
      'resource "nope" not found in application "other": it has blob',
    ],
    [["wait-for", "cloud", "x"], 2, /expected model, application, unit or machine/],
    [["wait-for", "unit", "other/0", "--query", "life="], 2, /cannot parse query/],
    [["debug-log", "--level", "LOUD"], 2, /level value "LOUD" is not one of/],
    [["status", "--format", "xml"], 2, /^invalid value "xml" for option --format/],
    [["status", "-m", "gone"], 1, 'model admin/gone not found on controller "mini": see "cantrip models"'],
    [["status", "-m", "far:t1"], 1, "controller far not found: known are mini"],
    [["statu"], 2, /"statu" is not a cantrip command.*\n\(Did you mean status\?\)/],
    [["completion", "fish"], 2, 'cannot complete in "fish": expected bash or zsh'],
  ];

  test.each(rows)("%j → %i", async (argv, code, message) => {
    const before = await ok("status", "--format", "yaml");
    const outcome = await run(...argv);
    expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({ code, stdout: "" });
    const said = outcome.stderr.replace(/^ERROR /, "").trimEnd();
    if (typeof message === "string") expect(said).toBe(message);
    else expect(said).toMatch(message);
    expect(outcome.stderr).toMatch(/^ERROR /);
    expect(withoutTime(await ok("status", "--format", "yaml"))).toBe(withoutTime(before));
  });

  const withoutTime = (status: string): string => status.replace(/timestamp: .*/, "");
});

describe("without a controller", { timeout: 60_000 }, () => {
  test("nothing is known", async () => {
    const env = { CANTRIP_DATA: join(server.directory, "nothing") };
    expect(await server.runWith({ env }, "status")).toEqual({
      code: 1,
      stdout: "",
      stderr: `ERROR no controller is known in ${env.CANTRIP_DATA}: start one with "cantrip up", or name the directory of its client files in CANTRIP_DATA\n`,
    });
  });

  const elsewhere = (name: string, change: object): Record<string, string> => {
    const directory = join(server.directory, name);
    const known = new ClientFiles(server.data);
    const { mini } = known.controllers().controllers;
    const { mini: account } = known.accounts().controllers;
    writeClientFiles(directory, {
      controllerName: "mini",
      uuid: mini?.uuid ?? "",
      endpoints: mini?.["api-endpoints"] ?? [],
      caCert: mini?.["ca-cert"] ?? "",
      user: "admin",
      password: account?.password ?? "",
      models: { t1: "11111111-2222-4333-8444-555555abcdef" },
      currentModel: "t1",
      ...change,
    });
    return { CANTRIP_DATA: directory };
  };
  test.each<[string, object, RegExp]>([
    [
      "one that does not run",
      { endpoints: ["127.0.0.1:1"] },
      /^ERROR cannot connect to controller "mini" \(127\.0\.0\.1:1: connection refused\)\. Is it running\? Start it, or resume it, with "cantrip up"\n$/,
    ],
    [
      "a wrong password",
      { password: "wrong" },
      /^ERROR cannot log in to controller "mini" as "admin": invalid entity name or password\n$/,
    ],
    [
      "a server of another CA",
      { caCert: "none" },
      /^ERROR cannot connect to controller "mini" \(127\.0\.0\.1:\d+: .*cert/,
    ],
    ["a model that is gone", {}, /^ERROR model admin\/t1 not found on controller "mini": it is gone\n$/],
  ])("%s is said", async (name, change, message) => {
    const env = elsewhere(name.replaceAll(" ", "-"), change);
    const outcome = await server.runWith({ env }, "status");
    expect(outcome).toMatchObject({ code: 1, stdout: "" });
    expect(outcome.stderr).toMatch(message);
  });

  test("a process that lost its reader ends well, and help needs nobody", async () => {
    const help = await server.spawned("--help");
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toMatch(/deploy .*Deploy a local charm/);
    expect(await server.spawned("--version")).toEqual(await server.spawned("version"));
    expect(await server.spawned("version", "--all", "--format", "json")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\{"version":"3\.6\.\d+-/) as string,
    });
  });

  test("Ctrl-C ends a wait with 130", async () => {
    const interruption = new AbortController();
    setTimeout(() => interruption.abort(), 300);
    const outcome = await server.runWith(
      { interrupted: interruption.signal },
      "wait-for",
      "application",
      "other",
      "--query",
      'life=="dead"',
    );
    expect(outcome).toMatchObject({ code: 130, stderr: "ERROR interrupted\n" });
  });
});
