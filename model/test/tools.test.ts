/** Every hook tool against the specification: output by format, errors, exit codes. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { describe, test } from "vitest";
import { emptyBuffer, hookToolNames, runHookTool } from "../src/index.ts";
import type { HookBuffer, HookEffects, HookView } from "../src/index.ts";

const view: HookView = {
  model: { name: "m", uuid: "8d1b1a6e-5a2c-4b0f-9c53-0f1e2d3c4b5a" },
  controllerUuid: "",
  unit: "web/0",
  application: "web",
  machine: "0",
  principal: "",
  hook: { name: "db-relation-changed", relationId: 5, remoteUnit: "pg/0", remoteApplication: "pg" },
  leader: true,
  config: {
    port: { type: "int", value: 80 },
    title: { type: "string", value: "hello" },
    debug: { type: "boolean", value: false },
    unset: { type: "string" },
  },
  relations: {
    2: relation(2, "peers", true, "web", ["web/1"], {
      web: { claim: "x" },
      "web/0": {},
      "web/1": { a: "1" },
    }),
    5: relation(5, "db", false, "pg", ["pg/0", "pg/10"], {
      pg: { schema: "s" },
      web: { mine: "1" },
      "web/0": { "ingress-address": "10.0.0.1" },
      "pg/0": { host: "h", port: "1" },
      "pg/10": {},
    }),
    12: relation(12, "db", false, "other", [], { other: {}, "web/0": {} }),
    13: { ...relation(13, "db", false, "gone", [], { gone: { last: "word" }, "web/0": {} }), dying: true },
  },
  endpoints: {
    db: { role: "requirer", interface: "pgsql" },
    peers: { role: "peer", interface: "p" },
    "juju-info": { role: "provider", interface: "juju-info" },
  },
  extraBindings: ["extra"],
  addresses: ["10.1.2.3"],
  subnet: "10.1.2.0/24",
  publicAddress: "10.1.2.3",
  privateAddress: "10.1.2.3",
  unitStatus: { status: "active", message: "fine", since: 0 },
  units: {
    "web/0": { status: "active", message: "fine", since: 0 },
    "web/1": { status: "blocked", message: "stuck", since: 0 },
  },
  workloadVersion: "",
  openPorts: [
    { endpoint: "", from: 80, to: 80, protocol: "tcp" },
    { endpoint: "db", from: 8000, to: 8100, protocol: "udp" },
    { endpoint: "", from: -1, to: -1, protocol: "icmp" },
  ],
  charmState: { kept: "value" },
  ownSecrets: {
    s0000000000000000001: {
      id: "s0000000000000000001",
      owner: "application",
      label: "token",
      rotate: "daily",
      nextRotation: 86_400_000,
      latest: 2,
      revisions: [1, 2],
      grants: [{ target: "application-pg", scope: "relation-web.db#pg.db" }],
    },
  },
  consumedSecrets: {},
  resources: ["blob"],
  goalState: {
    units: { "web/0": { status: "active", since: 1_749_430_923_000 } },
    relations: { db: { pg: { status: "joined", since: 1_749_430_923_000 } } },
  },
  settings: {},
  leaderSettings: { led: "yes" },
  trust: false,
};

function relation(
  id: number,
  endpoint: string,
  peer: boolean,
  remoteApplication: string,
  members: string[],
  bags: Record<string, Record<string, string>>,
) {
  return {
    id,
    endpoint,
    peer,
    dying: false,
    remoteApplication,
    members,
    bags,
    remoteModelUuid: "8d1b1a6e-5a2c-4b0f-9c53-0f1e2d3c4b5a",
  };
}

const said: string[] = [];
const effects = (isLeader = true): HookEffects => ({
  setStatus: async ({ application, status, message }) =>
    void said.push(`status ${String(application)} ${status} ${message}`),
  setWorkloadVersion: async (version) => void said.push(`version ${version}`),
  log: async (level, message) => void said.push(`${level} ${message}`),
  isLeader: async () => isLeader,
  secretContent: async ({ id = "" }) => ({
    id,
    revision: 2,
    content: { token: "yes\nno", "bytes#base64": "/w==" },
  }),
  resourcePath: async (name) => (name === "blob" ? "/r/blob" : Promise.reject(new Error("gone"))),
  actionLog: async (message) => void said.push(`action ${message}`),
  newSecretId: () => "n0000000000000000001",
  setLeaderSettings: async (settings) => void said.push(JSON.stringify(settings)),
  readFile: async (path) => `content of ${path}`,
  now: () => 1000,
});

interface Given {
  view?: Partial<HookView>;
  leader?: boolean;
  stdin?: string;
  buffer?: HookBuffer;
}
const words = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
const run = (line: string, { view: changes = {}, leader, stdin, buffer = emptyBuffer() }: Given = {}) =>
  runHookTool({ ...view, ...changes }, buffer, words(line), stdin, effects(leader));

const noHook = { ...view } as Record<string, unknown>;
delete noHook["hook"];
const outside = async (line: string, given: Given = {}) =>
  runHookTool(
    noHook as unknown as HookView,
    given.buffer ?? emptyBuffer(),
    words(line),
    given.stdin,
    effects(),
  );

describe("output", () => {
  test.each([
    ["relation-ids", "db:12\ndb:5\n"],
    ["relation-ids peers --format=json", '["peers:2"]\n'],
    ["relation-ids nothing --format json", "[]\n"],
    ["relation-ids nothing", ""],
    ["relation-list", "pg/0\npg/10\n"],
    ["relation-list -r db:12 --format=json", "[]\n"],
    ["relation-list --relation 2 --app", "web\n"],
    ["relation-get host", "h\n"],
    ["relation-get host pg/10", ""],
    ["relation-get host pg/10 --format=json", "null\n"],
    ["relation-get - pg/10 --format=json", "{}\n"],
    ["relation-get", "host: h\nport: '1'\n"],
    ["relation-get --format=json -r db:5 - pg/0", '{"host":"h","port":"1"}\n'],
    ["relation-get --format=json --app - pg", '{"schema":"s"}\n'],
    ["relation-get --app --format=json - pg/0", '{"schema":"s"}\n'],
    ["relation-get -r 2 --app claim web", "x\n"],
    ["relation-get -r 13 last gone --app", "word\n"],
    ["relation-get ingress-address web/0", "10.0.0.1\n"],
    ["relation-model-get --format=json", '{"uuid":"8d1b1a6e-5a2c-4b0f-9c53-0f1e2d3c4b5a"}\n'],
    ["config-get port", "80\n"],
    ["config-get title", "hello\n"],
    ["config-get debug", "False\n"],
    ["config-get debug --format=yaml", "false\n"],
    ["config-get unset --format=json", "null\n"],
    ["config-get nothing", ""],
    ["config-get --format=json", '{"debug":false,"port":80,"title":"hello"}\n'],
    ["config-get -a --format=json", '{"debug":false,"port":80,"title":"hello","unset":null}\n'],
    ["status-get", "active\n"],
    ["status-get --format=json", '{"status":"active"}\n'],
    [
      "status-get --include-data --format=json --application=false",
      '{"message":"fine","status":"active","status-data":{}}\n',
    ],
    [
      "status-get --application=true --include-data --format=json",
      '{"application-status":{"message":"stuck","status":"blocked","status-data":{},"units":{"web/0":{"message":"fine","status":"active","status-data":{}},"web/1":{"message":"stuck","status":"blocked","status-data":{}}}}}\n',
    ],
    ["is-leader", "True\n"],
    ["is-leader --format=json", "true\n"],
    ["leader-get led", "yes\n"],
    ["leader-get --format=json", '{"led":"yes"}\n'],
    ["state-get kept", "value\n"],
    ["state-get nothing", ""],
    ["state-get --format=json", '{"kept":"value"}\n'],
    [
      "goal-state --format=json",
      '{"relations":{"db":{"pg":{"since":"2025-06-09 01:02:03Z","status":"joined"}}},"units":{"web/0":{"since":"2025-06-09 01:02:03Z","status":"active"}}}\n',
    ],
    [
      "network-get db --format=json",
      '{"bind-addresses":[{"addresses":[{"cidr":"10.1.2.0/24","hostname":"","value":"10.1.2.3"}],"interface-name":"","mac-address":""}],"egress-subnets":["10.1.2.3/32"],"ingress-addresses":["10.1.2.3"]}\n',
    ],
    ["network-get db --ingress-address", "10.1.2.3\n"],
    ["network-get extra --egress-subnets -r db:5", "10.1.2.3/32\n"],
    [
      "network-get db --bind-address --egress-subnets --format=json",
      '{"bind-address":"10.1.2.3","egress-subnets":["10.1.2.3/32"]}\n',
    ],
    ["unit-get private-address", "10.1.2.3\n"],
    ["opened-ports --format=json", '["icmp","80/tcp","8000-8100/udp"]\n'],
    ["opened-ports --endpoints", "icmp (*)\n80/tcp (*)\n8000-8100/udp (db)\n"],
    ["storage-list data --format=json", "[]\n"],
    ["storage-list", ""],
    ["resource-get blob", "/r/blob"],
    ["secret-ids --format=json", '["s0000000000000000001"]\n'],
    ["secret-get s0000000000000000001 --format=json", '{"bytes#base64":"/w==","token":"yes\\nno"}\n'],
    ["secret-get secret:s0000000000000000001 token", "yes\nno\n"],
    ["secret-get secret:s0000000000000000001 token#base64", "eWVzCm5v\n"],
    ["secret-get s0000000000000000001 bytes#base64 --format=json", '"/w=="\n'],
    [
      "secret-info-get s0000000000000000001 --format=json",
      '{"s0000000000000000001":{"access":[{"role":"view","scope":"relation-web.db#pg.db","target":"application-pg"}],"label":"token","owner":"application","revision":2,"rotates":"1970-01-02T00:00:00Z","rotation":"daily"}}\n',
    ],
    ["secret-add --owner unit token=one", "secret:n0000000000000000001\n"],
  ])("%s", async (line, stdout) => {
    deepEqual(await run(line), { exitCode: 0, stdout, stderr: "" });
  });
});

describe("errors", () => {
  test.each([
    ["relation-ids --wrong", 2, "option provided but not defined: --wrong"],
    ["relation-ids -z", 2, "option provided but not defined: -z"],
    ["relation-ids db more", 2, 'unrecognized args: ["more"]'],
    ["relation-ids --format=xml", 2, 'invalid value "xml" for option --format: unknown format "xml"'],
    ["relation-list -r x", 2, 'invalid value "x" for option -r: invalid relation id'],
    ["relation-list -r 9", 2, 'invalid value "9" for option -r: relation not found'],
    ["relation-list -r peers:5", 2, 'invalid value "peers:5" for option -r: relation not found'],
    ["relation-list -r", 2, "option needs an argument: -r"],
    ["relation-get - pg", 2, 'expected unit name, got application name "pg"'],
    ["relation-get - Web/0", 2, 'invalid unit name "Web/0"'],
    ["relation-get - web/1", 1, "permission denied"],
    ["relation-get - pg/7", 1, "permission denied"],
    ["relation-get - __proto__", 2, 'invalid unit name "__proto__"'],
    ["relation-set novalue", 2, 'expected "key=value", got "novalue"'],
    ["relation-set =v", 2, 'expected "key=value", got "=v"'],
    ["relation-set a=1 a=2", 2, 'key "a" specified more than once'],
    ["config-get --all port", 2, 'cannot use argument --all together with key "port"'],
    ["status-set", 2, "invalid args, require <status> [message]"],
    ["status-set error", 2, 'invalid status "error", expected one of [maintenance blocked waiting active]'],
    ["status-set --application=maybe active", 2, 'invalid boolean value "maybe" for option --application'],
    ["application-version-set", 2, "no version specified"],
    ["state-get nothing --strict", 1, '"nothing" not found'],
    ["state-delete", 2, "missing key"],
    ["network-get", 2, "no arguments specified"],
    ["network-get nope", 1, 'no network config found for binding "nope"'],
    ["unit-get", 2, "no setting specified"],
    ["unit-get name", 2, 'unknown setting "name"'],
    ["open-port", 2, "no port or range specified"],
    ["open-port 0", 2, 'invalid port "0"'],
    ["open-port 65536/udp", 2, 'invalid port "65536"'],
    ["open-port http", 2, 'invalid port "http"'],
    ["open-port 80/sctp", 2, 'invalid protocol "sctp", expected "tcp", "udp", or "icmp"'],
    ["open-port 90-80", 2, "invalid port range 90-80/tcp; expected fromPort <= toPort"],
    ["open-port 80 --endpoints db,nope", 1, 'cannot change ports: endpoint "nope" not found'],
    ["juju-log", 2, "no message specified"],
    ["credential-get", 1, "cannot access cloud credentials"],
    ["action-get", 1, "not running an action"],
    ["action-set a=b", 1, "not running an action"],
    ["action-fail", 1, "not running an action"],
    ["storage-get", 2, "no storage instance specified"],
    ["storage-get -s data/0", 2, 'invalid value "data/0" for option -s: storage "data/0" not found'],
    ["storage-add data=2", 1, 'cannot add storage "data=2": storage is not implemented'],
    ["resource-get", 2, "missing required resource name"],
    ["resource-get nope", 1, 'could not download resource: resource "nope" not found'],
    ["payload-register a b c", 1, "payloads are not implemented"],
    ["secret-get", 2, "require either a secret URI or label"],
    [
      "secret-get --peek --refresh s0000000000000000001",
      2,
      "specify one of --peek or --refresh but not both",
    ],
    ["secret-get nonsense", 2, 'secret URI "nonsense" not valid'],
    ["secret-get s0000000000000000001 other", 1, 'secret key value "other" not found'],
    ["secret-add", 2, "missing secret value or filename"],
    ["secret-add a=b", 2, 'key "a" not valid'],
    ["secret-add 1key=b", 2, 'key "1key" not valid'],
    ["secret-add token=b --rotate often", 2, 'rotate policy "often" not valid'],
    ["secret-add token=b --expire -1h", 2, 'expire time "-1h" must be in the future'],
    ["secret-add token=b --expire soon", 2, 'expire time or duration "soon" not valid'],
    ["secret-add token=b --owner me", 2, 'secret owner "me" not valid'],
    ["secret-add token=b --label token", 1, 'secret with label "token" already exists'],
    ["secret-info-get s9999999999999999999", 1, 'secret "s9999999999999999999" not found'],
    ["secret-grant s9999999999999999999 -r 5", 1, 'secret "s9999999999999999999" not found'],
    ["secret-grant s0000000000000000001 -r 9", 2, 'invalid value "9" for option -r: relation not found'],
    ["secret-revoke s0000000000000000001", 2, "missing relation, application or unit"],
    [
      "secret-remove s0000000000000000001 --revision x",
      2,
      'invalid value "x" for option --revision: expected a positive number',
    ],
    ["rm -rf", 1, 'bad request: unknown command "rm"'],
    ["__proto__", 1, 'bad request: unknown command "__proto__"'],
    ["relation-ids -o FILE", 1, 'cannot write output to "FILE": not supported here'],
  ])("%s", async (line, exitCode, message) => {
    deepEqual(await run(line), { exitCode, stdout: "", stderr: `ERROR ${message}\n` });
  });
});

test.each([
  ["relation-ids", "no endpoint name specified"],
  ["relation-list", "no relation id specified"],
  ["relation-get - -r 5", "no unit or application specified"],
  ["secret-grant s0000000000000000001", "missing relation id"],
])("outside a relation's hook, %s asks for it", async (line, message) => {
  deepEqual(await outside(line), { exitCode: 2, stdout: "", stderr: `ERROR ${message}\n` });
});

test.each([
  ["relation-set --app a=b", "cannot write relation settings"],
  ["status-get --application", "finding application status: this unit is not the leader"],
  ["status-set --application active", "setting application status: this unit is not the leader"],
  ["leader-set a=b", "cannot write leadership settings: cannot write settings: not the leader"],
  ["secret-add token=one", "this unit is not the leader"],
])("%s is the leader's", async (line, message) => {
  deepEqual(await run(line, { leader: false }), { exitCode: 1, stdout: "", stderr: `ERROR ${message}\n` });
});

test("the application's own bag is hidden from those who do not lead", async () => {
  const bags = { ...view.relations[5]!.bags };
  delete bags["web"];
  const relations = { ...view.relations, 5: { ...view.relations[5]!, bags } };
  equal(
    (await run("relation-get --app - web", { view: { relations }, leader: false })).stderr,
    "ERROR permission denied\n",
  );
});

test("an application's event reads the application's bag", async () => {
  const hook = { name: "db-relation-changed", relationId: 5, remoteApplication: "pg" };
  equal((await run("relation-get schema", { view: { hook } })).stdout, "s\n");
});

test("who has heard that it does not lead hears nothing else in this hook", async () => {
  const buffer = emptyBuffer();
  equal((await run("is-leader", { leader: false, buffer })).stdout, "False\n");
  equal((await run("is-leader", { leader: true, buffer })).stdout, "False\n");
});

test("buffered writes are seen by later tools of the hook", async () => {
  const buffer = emptyBuffer();
  const given = { buffer };
  await run("relation-set a=1 b=2 --format json", given);
  await run("relation-set b= --app=false -- c=3=4", given);
  deepEqual(buffer.changes.relations, { 5: { unit: { a: "1", b: "", c: "3=4" } } });
  equal(
    (await run("relation-get --format=json - web/0", given)).stdout,
    '{"a":"1","c":"3=4","ingress-address":"10.0.0.1"}\n',
  );
  await run("relation-set -r peers:2 --app claim=y", given);
  equal((await run("relation-get -r 2 claim web --app", given)).stdout, "y\n");
  await run("state-set one=1 kept=new", given);
  await run("state-delete one", given);
  equal((await run("state-get --format=json", given)).stdout, '{"kept":"new"}\n');
  await run("open-port 443", given);
  equal((await run("opened-ports", given)).stdout.includes("443"), false);
  await run("close-port 443/TCP", given);
  deepEqual(buffer.changes.ports, {
    open: [],
    close: [{ endpoint: "", from: 443, to: 443, protocol: "tcp" }],
  });
  await run("leader-set led= new=1", given);
  equal((await run("leader-get --format=json", given)).stdout, '{"new":"1"}\n');
});

test("files and stdin: JSON or YAML, arguments win", async () => {
  const buffer = emptyBuffer();
  equal((await run("relation-set --file - a=arg", { buffer, stdin: '{"a":"file","b":"x: y"}' })).exitCode, 0);
  deepEqual(buffer.changes.relations[5]?.unit, { a: "arg", b: "x: y" });
  equal((await run("state-set --file -", { buffer, stdin: "k: v\nl: 'm'\n" })).exitCode, 0);
  deepEqual(buffer.changes.state.set, { k: "v", l: "m" });
  for (const stdin of ["- list\n", "k: 5\n", "k: [", '{"k":null}'])
    equal((await run("relation-set --file -", { stdin })).exitCode, 1, stdin);
  await run("secret-add token#file=/etc/hostname other#base64=eWVz more#base64=/w==", { buffer });
  const [change] = buffer.changes.secrets;
  deepEqual(change?.kind === "add" && change.content, {
    token: "content of /etc/hostname",
    other: "yes",
    "more#base64": "/w==",
  });
});

test("secrets: a first read tracks, a peek does not, a set is one change", async () => {
  const buffer = emptyBuffer();
  const given = { buffer, view: { ownSecrets: {} } };
  await run("secret-get s0000000000000000001 --peek", given);
  deepEqual(buffer.changes.secrets, []);
  await run("secret-get s0000000000000000001", given);
  await run("secret-get s0000000000000000001 --label mine", given);
  deepEqual(buffer.changes.secrets, [
    { kind: "track", id: "s0000000000000000001", revision: 2, label: "mine" },
  ]);
  const own = emptyBuffer();
  await run("secret-set s0000000000000000001 token=one --expire 24h", { buffer: own });
  await run("secret-set s0000000000000000001 --rotate daily --description d", { buffer: own });
  deepEqual(own.changes.secrets, [
    {
      kind: "set",
      id: "s0000000000000000001",
      expiresAt: 86_401_000,
      content: { token: "one" },
      rotate: "daily",
      description: "d",
    },
  ]);
  equal((await run("secret-get s0000000000000000001 token --peek", { buffer: own })).stdout, "one\n");
});

test("actions", async () => {
  const buffer = emptyBuffer();
  const action = { taskId: "2", name: "ping", parameters: { count: 1, deep: { er: "x" } } };
  const given = { buffer, view: { action } };
  equal((await run("action-get --format=json", given)).stdout, '{"count":1,"deep":{"er":"x"}}\n');
  equal((await run("action-get deep.er", given)).stdout, "x\n");
  equal((await run("action-get deep.er.none --format=json", given)).stdout, "null\n");
  await run("action-set a.b=1 a.c=2 d=x=y", given);
  deepEqual(buffer.action.results, { a: { b: "1", c: "2" }, d: "x=y" });
  const rule =
    "must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens";
  equal((await run("action-set A=1", given)).stderr, `ERROR key "A" ${rule}\n`);
  equal((await run("action-set stdout=1", given)).stderr, 'ERROR cannot set reserved action key "stdout"\n');
  await run("action-fail", given);
  equal(buffer.action.failed, "action failed without reason given, check action for errors");
  await run('action-fail "no luck"', given);
  equal(buffer.action.failed, "no luck");
  equal(
    (await run("juju-reboot", given)).stderr,
    "ERROR juju-reboot is not supported when running an action.\n",
  );
  equal(
    (await run("action-get", { view: { action: { ...action, name: "juju-exec" } } })).stderr,
    "ERROR not running an action\n",
  );
});

test("what is said at once", async () => {
  said.length = 0;
  const action = { taskId: "2", name: "ping", parameters: {} };
  await run('status-set blocked -- "no database"');
  await run("status-set --application=True active");
  await run("application-version-set -- 1.2");
  await run("juju-log -l warning one two");
  await run("juju-log --log-level LOUD -- --three");
  await outside("juju-log --debug four");
  await run("action-log -- half way", { view: { action } });
  deepEqual(said, [
    "status false blocked no database",
    "status true active ",
    "version 1.2",
    "WARNING db:5: one two",
    'WARNING invalid log level "LOUD" of a message: logged at INFO',
    "INFO db:5: --three",
    "DEBUG four",
    "action half way",
  ]);
});

test("two wishes to reboot: now wins", async () => {
  const buffer = emptyBuffer();
  await run("juju-reboot --now", { buffer });
  await run("juju-reboot", { buffer });
  equal(buffer.changes.reboot, "now");
});

test("every tool has help, on stdout", async () => {
  ok(hookToolNames.length > 40);
  for (const name of hookToolNames) {
    const { exitCode, stdout, stderr } = await run(`${name} --help`);
    deepEqual([exitCode, stderr], [0, ""]);
    match(stdout, new RegExp(`^Usage: ${name}`));
  }
});

test("whatever a charm types, a tool answers and the buffer stays JSON", async () => {
  const odd = [
    "--",
    "-",
    "",
    "=",
    "--=x",
    "-r=",
    "--format",
    "𝕏=\u0000",
    "a=b=c",
    "--file=nowhere",
    "99999999999",
    "-r 1e9",
  ];
  for (const name of hookToolNames)
    for (const word of odd) {
      const buffer = emptyBuffer();
      const { exitCode, stderr } = await runHookTool(
        view,
        buffer,
        [name, ...word.split(" ")],
        undefined,
        effects(),
      );
      ok([0, 1, 2].includes(exitCode));
      equal(stderr === "", exitCode === 0, `${name} ${word}: ${stderr}`);
      deepEqual(JSON.parse(JSON.stringify(buffer)), buffer);
    }
});
