/** A node is set as its cluster is, whatever comes in between: with real files, and a systemctl that can be broken. */
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadIdentity, saveIdentity, type ClusterSettings, type Identity } from "../src/base/identity.ts";
import { pathsBelow, type Paths } from "../src/base/paths.ts";
import { adoptSettings } from "../src/cluster/adopt.ts";
import { Adoption } from "../src/cluster/adoption.ts";
import { resolveSettings } from "../src/cluster/settings.ts";
import { changeArguments, readArguments } from "../src/node/arguments.ts";
import { workerDefaults } from "../src/node/components.ts";

const PATH = process.env["PATH"]!;
const settings = resolveSettings({});
const other = (clusterDomain: string): ClusterSettings => ({ ...settings, clusterDomain });
const worker = {
  schema: 1,
  name: "w1",
  role: "worker",
  address: "10.0.0.2",
  settings,
} as unknown as Identity;

let root: string;
let paths: Paths;
let adoption: Adoption;
/** What the daemon holds in memory. */
let identity: Identity;
let isBusy: boolean;
/** For each try that got that far: the domains that were followed until then. */
let finished: string[][];
let finish: () => Promise<void>;

const eventually = (holds: () => unknown) => vi.waitFor(holds, { timeout: 15_000, interval: 10 });

/** Where it is, services cannot be started. */
const broken = () => join(root, "broken");

/** As a daemon begins that finds this identity. */
function begin(found: Identity): void {
  identity = found;
  adoption = new Adoption({
    identity: () => (isBusy ? undefined : identity),
    note: async (change) => {
      identity = { ...identity, ...change };
      await saveIdentity(paths.identity, identity);
    },
    adopt: (node, from, to) => adoptSettings(paths, node, from, to),
    finish: async (from) => {
      finished.push(from.map(({ clusterDomain }) => clusterDomain));
      await finish();
    },
    againMs: 20,
  });
}

const toldKubelet = async () => (await readArguments(paths.args, "kubelet"))["--cluster-domain"];

/** Everything says so, and nothing is left to be done. */
const untilSet = (domain: string) =>
  eventually(async () => {
    const onDisk = await loadIdentity(paths.identity);
    expect(onDisk).toMatchObject({ settings: { clusterDomain: domain }, taking: [] });
    expect(await toldKubelet()).toBe(domain);
  });

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "k8sd-adoption-"));
  paths = pathsBelow(root);
  await writeFile(
    join(root, "systemctl"),
    `#!/bin/sh\n[ "$1" != show ] || { echo no; exit; }\n[ ! -e ${root}/broken ]; code=$?\necho "$@" >>${root}/calls; exit $code\n`,
  );
  await chmod(join(root, "systemctl"), 0o755);
  process.env["PATH"] = `${root}:${PATH}`;
  for (const [service, defaults] of Object.entries(workerDefaults(paths, worker)))
    await changeArguments(paths.args, service, defaults);
  [isBusy, finished, finish] = [false, [], () => Promise.resolve()];
  begin(worker);
});

afterEach(async () => {
  await adoption.pause();
  process.env["PATH"] = PATH;
  await rm(root, { recursive: true });
});

/** Until a try has come as far as the services, in vain. */
const halfTaken = async (domain: string) => {
  await rm(join(root, "calls"), { force: true });
  adoption.hear(other(domain));
  await eventually(async () => {
    expect(existsSync(join(root, "calls"))).toBe(true);
    expect(await toldKubelet()).toBe(domain);
  });
};

test("what an operator has set otherwise stays so", async () => {
  await changeArguments(paths.args, "kubelet", { "--cluster-domain": "mine.example" });
  adoption.hear(other("b.example"));
  await eventually(() =>
    expect(identity).toMatchObject({ settings: { clusterDomain: "b.example" }, taking: [] }),
  );
  expect(await toldKubelet()).toBe("mine.example");
});

test("what comes during an operation is left alone until its end, and taken then", async () => {
  isBusy = true;
  await adoption.pause();
  adoption.hear(other("b.example"));
  await adoption.pause();
  expect(await toldKubelet()).toBe("cluster.local");
  isBusy = false;
  adoption.resume();
  await untilSet("b.example");
});

test("what was heard of a cluster that the node has left is dropped", async () => {
  isBusy = true;
  adoption.hear(other("b.example"));
  adoption.forget();
  await adoption.pause();
  isBusy = false;
  adoption.resume();
  await adoption.pause();
  expect(await toldKubelet()).toBe("cluster.local");
});

test("where services cannot be started it is tried again until they can", async () => {
  await writeFile(broken(), "");
  await halfTaken("b.example");
  await rm(broken());
  await untilSet("b.example");
});

test("what follows beyond services is tried again until it does", async () => {
  finish = () => (finished.length < 3 ? Promise.reject(new Error("not yet")) : Promise.resolve());
  adoption.hear(other("b.example"));
  await untilSet("b.example");
  expect(finished.at(-1)).toContain("cluster.local");
});

test.each(["cluster.local", "c.example"])("settings that were half taken give way to %s", async (domain) => {
  await writeFile(broken(), "");
  await halfTaken("b.example");
  adoption.hear(other(domain));
  await rm(broken());
  await untilSet(domain);
  expect(finished.flat()).toEqual(expect.arrayContaining(["cluster.local", "b.example"]));
});

test.each([
  ["before the services", () => writeFile(broken(), "")],
  ["after them", () => void (finish = () => Promise.reject(new Error("killed")))],
])("a daemon that was killed %s goes on at its next start", async (_, hurt) => {
  await hurt();
  await halfTaken("b.example");
  await adoption.pause();
  const found = await loadIdentity(paths.identity);
  await rm(broken(), { force: true });
  [finish, finished] = [() => Promise.resolve(), []];
  begin(found!);
  adoption.hear(other("b.example"));
  await untilSet("b.example");
  expect(finished.flat()).toContain("cluster.local");
});
