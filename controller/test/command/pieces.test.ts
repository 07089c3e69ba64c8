import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  clientDirectory,
  ClientFiles,
  forgetController,
  writeClientFiles,
} from "../../src/command/client-files.ts";
import { table } from "../../src/command/table.ts";
import { parseModelName } from "../../src/command/target.ts";
import { age, parseDuration, taskTime } from "../../src/command/times.ts";
import {
  constraintsText,
  parseBase,
  parseConstraints,
  placements,
  separated,
  wholeNumber,
} from "../../src/command/values.ts";
import { parseQuery, type Scope } from "../../src/command/waiting/query.ts";

describe("values", () => {
  test.each([
    ["30s", 30_000],
    ["1.5s", 1_500],
    ["10m", 600_000],
    ["1h10m", 4_200_000],
    ["100ms", 100],
    ["0", 0],
  ])("duration %s", (text, ms) => expect(parseDuration(text, "--wait")).toBe(ms));
  test.each(["", "5", "5 s", "s", "1x", "-1s"])("%j is no duration", (text) =>
    expect(() => parseDuration(text, "--wait")).toThrow(/--wait: expected a duration/),
  );

  test.each([
    ["cores=2 mem=4G", { cores: 2, mem: 4096 }],
    ["root-disk=16384M tags=a,b", { "root-disk": 16384, tags: ["a", "b"] }],
    ["arch=amd64 allocate-public-ip=true", { arch: "amd64", "allocate-public-ip": true }],
    ["mem=", { mem: null }],
    ["", {}],
  ])("constraints %j", (text, value) => expect(parseConstraints(text)).toEqual(value));
  test.each([
    ["mem=x", 'bad "mem" constraint'],
    ["cores=two", 'bad "cores" constraint'],
    ["speed=9", 'unknown constraint "speed"'],
    ["mem", 'expected "key=value", got "mem"'],
  ])("constraints %j are refused", (text, why) => expect(() => parseConstraints(text)).toThrow(why));
  test("constraints are printed sorted", () =>
    expect(constraintsText({ mem: 8192, cores: 2, tags: ["a", "b"], zones: null })).toBe(
      "cores=2 mem=8192M tags=a,b",
    ));

  test("placements", () =>
    expect(placements("0,lxd,lxd:1,zone=a", "U")).toEqual([
      { scope: "#", directive: "0" },
      { scope: "lxd", directive: null },
      { scope: "lxd", directive: "1" },
      { scope: "U", directive: "zone=a" },
    ]));
  test("bases", () => {
    expect(parseBase("ubuntu@24.04")).toEqual({ name: "ubuntu", channel: "24.04" });
    expect(() => parseBase("noble")).toThrow("expected a base such as ubuntu@24.04");
  });
  test("numbers", () => {
    expect(wholeNumber("3", "-n", 1)).toBe(3);
    for (const text of ["-1", "x", "1.5", "", "99999999999"])
      expect(() => wholeNumber(text, "-n", 1)).toThrow("-n");
  });
  test("lists", () => expect(separated(["a,b", " c "])).toEqual(["a", "b", "c"]));
  test.each([
    ["m", { model: "m" }],
    ["c:m", { controller: "c", model: "m" }],
    ["c:admin/m", { controller: "c", model: "admin/m" }],
    ["c:", { controller: "c" }],
    ["", {}],
  ])("model name %j", (text, name) => expect(parseModelName(text)).toEqual(name));
  test("ages and times", () => {
    const now = Date.parse("2025-06-09T12:00:00Z");
    expect(
      [
        "2025-06-09T11:59:50Z",
        "2025-06-09T11:58:00Z",
        "2025-06-09T10:59:00Z",
        "2025-06-07T12:00:00Z",
        null,
      ].map((at) => age(at, now)),
    ).toEqual(["just now", "2 minutes ago", "1 hour ago", "2 days ago", "never connected"]);
    expect(taskTime("2025-06-09T11:14:49.123Z")).toBe("2025-06-09 11:14:49 +0000 UTC");
  });
  test("a table has no blanks at the ends, and rows of one line", () =>
    expect(
      table(
        ["A", "N", "M"],
        [
          ["x", 10, "two\nlines"],
          ["long", 5, ""],
        ],
        { right: ["N"] },
      ),
    ).toBe("A      N  M\nx     10  two lines\nlong   5\n"));
});

describe("queries of wait-for", () => {
  const scope: Scope = {
    life: "alive",
    status: "active",
    n: 3,
    exposed: false,
    units: [
      { name: "a/0", "workload-status": "active" },
      { name: "a/1", "workload-status": "waiting" },
    ],
  };
  test.each([
    ['life=="alive" && status=="active"', true],
    ["life==\"dead\" || status=='active'", true],
    ['!(status=="active")', false],
    ["n>=3", true],
    ["n < 3", false],
    ["len(units)==2", true],
    ['forEach(units, u => u.workload-status=="active")', false],
    ['forEach(units, u => startsWith(u.name, "a/"))', true],
    ["exposed", false],
    ['"a" == "b" || true', true],
    ['status != "blocked"', true],
    ['n == "3"', false],
  ])("%s is %s", (source, value) => expect(parseQuery(source)(scope)).toBe(value));
  test.each(["life==", "(life", 'life == "alive', "1 1", "nope(1)", "life && ", "#", "forEach(units)"])(
    "%j is refused",
    (source) => expect(() => parseQuery(source)(scope)).toThrow("cannot parse query"),
  );
  test("a name that nobody knows is named, with those that are known", () =>
    expect(() => parseQuery("stats==1")(scope)).toThrow(
      'query name "stats" not found: expected one of life, status',
    ));
});

describe("client files", () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "client-files-"))));
  afterEach(() => rmSync(directory, { recursive: true }));
  const input = (name: string) => ({
    controllerName: name,
    uuid: `uuid-of-${name}`,
    endpoints: ["127.0.0.1:17070"],
    caCert: "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n",
    user: "admin",
    password: `of-${name}`,
    models: { m: "u1" },
    sshKey: { privateKey: "private\n", publicKey: "public\n" },
  });

  test.each([
    [{ CANTRIP_DATA: "/a", JUJU_DATA: "/b" }, "/a"],
    [{ JUJU_DATA: "/b", XDG_DATA_HOME: "/c" }, "/b"],
    [{ XDG_DATA_HOME: "/c", HOME: "/d" }, "/c/cantrip"],
    [{ HOME: "/d" }, "/d/.local/share/cantrip"],
  ])("are found by %j", (env, path) => expect(clientDirectory(env)).toBe(path));

  test("are readable by their owner only, and whole", () => {
    writeClientFiles(join(directory, "new", "data"), input("one"));
    for (const name of [
      "controllers.yaml",
      "accounts.yaml",
      "models.yaml",
      "ssh/juju_id_rsa",
      "cookies/one.json",
    ])
      expect(statSync(join(directory, "new", "data", name)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(directory, "new", "data", "controllers.yaml"), "utf8")).toContain(
      "current-controller: one",
    );
    expect(new ClientFiles(join(directory, "new", "data")).models().controllers["one"]?.models).toEqual({
      "admin/m": { uuid: "u1", type: "iaas", branch: "" },
    });
  });

  test("keep the other controllers that are there, and what is not ours", () => {
    writeClientFiles(directory, input("one"));
    const text = readFileSync(join(directory, "accounts.yaml"), "utf8");
    writeFileSync(join(directory, "accounts.yaml"), `${text}  juju: {user: bob, password: x}\n`);
    writeClientFiles(directory, input("two"));
    writeClientFiles(directory, { ...input("one"), password: "changed" });
    const files = new ClientFiles(directory);
    expect(Object.keys(files.controllers().controllers)).toEqual(["one", "two"]);
    expect(files.accounts().controllers).toMatchObject({
      one: { password: "changed" },
      two: { password: "of-two" },
      juju: { user: "bob" },
    });
    expect(files.controllers()["current-controller"]).toBe("one");
    forgetController(directory, "one");
    expect(files.controllers()["current-controller"]).toBe("two");
    expect(Object.keys(files.accounts().controllers)).toEqual(["juju", "two"]);
  });

  test("under sudo they belong to whom they are written for", ({ skip }) => {
    skip(process.getuid?.() !== 0, "needs root");
    writeClientFiles(join(directory, "data"), input("one"), { uid: 1234, gid: 4321 });
    const files = new ClientFiles(join(directory, "data"));
    files.saveModels(files.models());
    files.write("fresh.yaml", "{}\n");
    for (const name of ["", "controllers.yaml", "ssh", "ssh/juju_id_rsa", "models.yaml", "fresh.yaml"])
      expect(statSync(join(directory, "data", name)), name).toMatchObject({ uid: 1234, gid: 4321 });
  });

  test("a broken file is named", () => {
    writeFileSync(join(directory, "controllers.yaml"), "a: [");
    expect(() => new ClientFiles(directory).controllers()).toThrow(
      `cannot read ${join(directory, "controllers.yaml")}`,
    );
  });
});
