import { deepEqual, equal } from "node:assert/strict";
import { test } from "vitest";
import { apply, nextTimer, readSecret } from "../src/index.ts";
import { pg, web } from "./support/charms.ts";
import { World, refusal } from "./support/world.ts";
import type { Hook } from "./support/world.ts";

const hour = 3_600_000;

/** pg/0 has a secret that it granted to web, which reads it. */
async function shared(...flags: string[]): Promise<{ world: World; id: string }> {
  const world = await new World().deploy(web, 2).deploy(pg, 2).elect("web/0").elect("pg/0").settle();
  world.do({ type: "integrate", endpoints: ["web", "pg"] });
  await world.settle();
  let id = "";
  await inHook(world, "pg/0", async ({ ask }) => {
    id = (await ask("secret-add", "--label", "token", ...flags, "token=one")).replace("secret:", "");
    await ask("secret-grant", id, "-r", "db:2");
    await ask("relation-set", "-r", "db:2", "--app", `secret=${id}`);
  });
  await inHook(world, "web/0", async ({ ask }) => void (await ask("secret-get", id, "--label", "theirs")));
  world.taken();
  return { world, id };
}

async function inHook(world: World, unit: string, work: (hook: Hook) => Promise<unknown>): Promise<void> {
  const application = unit.split("/")[0] ?? "";
  world.do({ type: "set-trust", application, trust: !world.state.applications[application]?.trust });
  world.script = async (hook) => {
    if (hook.unit === unit && hook.name === "config-changed") await work(hook);
  };
  await world.settle();
  world.script = () => {};
  equal(world.unit(unit).uniter.failed?.message, undefined);
}
const failure = async (world: World, unit: string, ...argv: string[]) => {
  let stderr = "";
  await inHook(world, unit, async ({ tool }) => void ({ stderr } = await tool(...argv)));
  return stderr;
};

test("a consumer is told of a newer revision once, reads the old one until it refreshes, and then the owner may remove it", async () => {
  const { world, id } = await shared();
  await inHook(world, "pg/0", ({ ask }) => ask("secret-set", id, "token=two"));
  deepEqual(world.taken("web/0"), ["secret-changed"]);
  equal(world.next("pg/0"), undefined);
  const seen: string[] = [];
  await inHook(world, "web/0", async ({ ask }) => {
    seen.push(await ask("secret-get", "--label", "theirs", "token"));
    seen.push(await ask("secret-get", id, "--peek", "token"));
    seen.push(await ask("secret-get", id, "token"));
    seen.push(await ask("secret-get", id, "--refresh", "token"));
    seen.push(await ask("secret-get", id, "token"));
  });
  deepEqual(seen, ["one", "two", "one", "two", "two"]);
  const trace = world.taken("pg/0");
  deepEqual(
    trace.filter((line) => line.startsWith("secret")),
    ["secret-remove"],
  );
  await inHook(world, "pg/0", ({ ask }) => ask("secret-remove", id, "--revision", "1"));
  deepEqual(
    world.state.secrets[id]?.revisions.map(({ revision }) => revision),
    [2],
  );
});

test("the number of a revision that was removed is not given again, so that its reader hears of the next", async () => {
  const { world, id } = await shared();
  await inHook(world, "pg/0", ({ ask }) => ask("secret-set", id, "token=two"));
  await inHook(world, "web/0", ({ ask }) => ask("secret-get", id, "--refresh", "token"));
  world.taken();
  await inHook(world, "pg/0", async ({ ask }) => {
    await ask("secret-remove", id, "--revision", "2");
    await ask("secret-set", id, "token=three");
  });
  equal(world.state.secrets[id]?.latest, 3);
  deepEqual(
    world.taken("web/0").filter((line) => line.startsWith("secret")),
    ["secret-changed"],
  );
  await inHook(world, "pg/0", ({ ask }) => ask("secret-remove", id, "--revision", "3"));
  await inHook(world, "pg/0", ({ ask }) => ask("secret-set", id, "token=four"));
  equal(world.state.secrets[id]?.latest, 4);
});

test("a log from before, in which a number comes again, does not take the count of revisions back", async () => {
  const { world, id } = await shared();
  for (const token of ["two", "three"])
    await inHook(world, "pg/0", ({ ask }) => ask("secret-set", id, `token=${token}`));
  const revision = { revision: 2, createdAt: world.now, contentId: "again", checksum: "again" };
  for (const gone of [3, 2])
    apply(world.state, { type: "secret-revision-removed", id, revision: gone, contentIds: [] });
  apply(world.state, { type: "secret-revision-added", id, revision });
  await inHook(world, "pg/0", ({ ask }) => ask("secret-set", id, "token=four"));
  equal(world.state.secrets[id]?.latest, 4);
});

test("equal content makes no revision", async () => {
  const { world, id } = await shared();
  await inHook(world, "pg/0", ({ ask }) => ask("secret-set", id, "token=one"));
  equal(world.state.secrets[id]?.latest, 1);
  await inHook(world, "pg/0", ({ ask }) => ask("secret-set", id, "--description", "new"));
  deepEqual([world.state.secrets[id]?.latest, world.state.secrets[id]?.description], [1, "new"]);
});

test("units of the owning application read the latest, and are told of it; its leader is not", async () => {
  const { world, id } = await shared();
  await inHook(world, "pg/1", ({ ask }) => ask("secret-get", id));
  world.taken();
  await inHook(world, "pg/0", ({ ask }) => ask("secret-set", id, "token=two"));
  deepEqual(
    world.taken("pg/1").filter((line) => line.startsWith("secret")),
    ["secret-changed"],
  );
  await inHook(world, "pg/1", async ({ ask }) =>
    equal(await ask("secret-get", "--label", "token", "token"), "two"),
  );
});

test("who may read: the other side of the relation, as long as that lasts", async () => {
  const { world, id } = await shared();
  await inHook(world, "web/1", async ({ ask }) =>
    equal(await ask("secret-get", id, "--format=json"), '{"token":"one"}'),
  );
  world.deploy(web, 1, "other");
  await world.settle();
  equal(await failure(world, "other/0", "secret-get", id), `ERROR secret "${id}" not found\n`);
  world.do({ type: "remove-relation", endpoints: ["web", "pg"] });
  await world.settle();
  equal(await failure(world, "web/0", "secret-get", id), `ERROR secret "${id}" not found\n`);
  equal(
    await failure(world, "web/0", "secret-get", "--label", "theirs"),
    'ERROR consumer label "theirs" not found\n',
  );
});

test("a grant is taken back, a grant to one unit keeps others out", async () => {
  const { world, id } = await shared();
  await inHook(world, "pg/0", ({ ask }) => ask("secret-revoke", id, "--app", "web"));
  equal(await failure(world, "web/0", "secret-get", id), `ERROR secret "${id}" not found\n`);
  await inHook(world, "pg/0", ({ ask }) => ask("secret-grant", id, "-r", "2", "--unit", "web/1"));
  equal(await failure(world, "web/0", "secret-get", id), `ERROR secret "${id}" not found\n`);
  equal(await failure(world, "web/1", "secret-get", id), "");
});

test("rotation is due after its period, comes again when nothing was changed, and ends with a new revision", async () => {
  const { world, id } = await shared("--rotate", "hourly");
  const due = world.state.secrets[id]?.nextRotation ?? 0;
  equal(due - world.now > hour - 1000, true);
  world.now = due;
  world.do({ type: "tick" });
  await world.settle();
  equal(world.taken("pg/0").includes("secret-rotate"), true);
  equal((world.state.secrets[id]?.nextRotation ?? 0) - world.now <= 300_000, true);
  world.now += 300_000;
  world.script = async ({ name, ask, view }) => {
    if (name === "secret-rotate") await ask("secret-set", view.hook?.secretId ?? "", "token=new");
  };
  await world.settle();
  deepEqual(
    [world.state.secrets[id]?.latest, (world.state.secrets[id]?.nextRotation ?? 0) > world.now + 3_500_000],
    [2, true],
  );
});

test("expiry is told to the leader, with the revision, until that is removed", async () => {
  const { world, id } = await shared("--expire", "24h");
  world.now = world.state.secrets[id]?.revisions[0]?.expiresAt ?? 0;
  world.do({ type: "elect-leader", application: "pg", unit: "pg/1" });
  world.script = async ({ name, ask, view }) => {
    if (name !== "secret-expired") return;
    equal(view.hook?.secretRevision, 1);
    await ask("secret-remove", id, "--revision", "1");
  };
  world.do({ type: "tick" });
  await world.settle();
  deepEqual(
    world.trace.filter((line) => line.includes("secret-expired")),
    ["pg/1 secret-expired"],
  );
  equal(world.state.secrets[id], undefined);
  const timer = nextTimer(world.state) ?? Infinity;
  equal(timer > world.now, true);
});

test("labels are one owner's and one consumer's", async () => {
  const { world, id } = await shared();
  equal(
    await failure(world, "pg/0", "secret-add", "--label", "token", "key=two"),
    'ERROR secret with label "token" already exists\n',
  );
  await inHook(world, "pg/0", ({ ask }) =>
    ask("secret-add", "--owner", "unit", "--label", "token", "key=two"),
  );
  await inHook(world, "pg/1", ({ ask }) =>
    ask("secret-add", "--owner", "unit", "--label", "token", "key=two"),
  );
  await inHook(world, "pg/0", async ({ ask }) =>
    equal(await ask("secret-get", id, "--label", "renamed", "token"), "one"),
  );
  equal(world.state.secrets[id]?.label, "renamed");
});

test("only the leader makes and changes secrets of the application", async () => {
  const { world, id } = await shared();
  equal(await failure(world, "pg/1", "secret-add", "token=x"), "ERROR this unit is not the leader\n");
  equal(await failure(world, "pg/1", "secret-info-get", id), `ERROR secret "${id}" not found\n`);
  world.do({ type: "set-trust", application: "pg", trust: !world.state.applications["pg"]?.trust });
  world.script = async ({ unit, name, ask }) => {
    if (unit === "pg/1" && name === "config-changed") await ask("secret-set", id, "token=stolen");
  };
  await world.settle();
  equal(
    world.unit("pg/1").uniter.failed?.message,
    `committing requested changes failed: secret "${id}" not found`,
  );
});

test("what a hook makes it can read and change; what it takes back never was", async () => {
  const { world } = await shared();
  const count = Object.keys(world.state.secrets).length;
  await inHook(world, "pg/0", async ({ ask }) => {
    const uri = await ask("secret-add", "--owner", "unit", "token=one");
    equal(await ask("secret-get", uri, "token"), "one");
    await ask("secret-set", uri, "token=two", "--label", "l");
    equal(await ask("secret-get", "--label", "l", "token"), "two");
    equal((await ask("secret-ids", "--format=json")).includes(uri.replace("secret:", "")), true);
    await ask("secret-remove", uri);
  });
  equal(Object.keys(world.state.secrets).length, count);
});

test("secrets go with their owner, and what they name is told for destruction", async () => {
  const { world, id } = await shared();
  const contentId = world.state.secrets[id]?.revisions[0]?.contentId;
  await inHook(world, "pg/1", ({ ask }) => ask("secret-add", "--owner", "unit", "token=mine"));
  world.log.length = 0;
  world.do({ type: "remove-application", application: "pg", force: true });
  deepEqual(world.state.secrets, {});
  const removed = world.log.filter((event) => event.type === "secret-removed");
  equal(removed.length, 2);
  equal(
    removed.some((event) => event.contentIds[0] === contentId),
    true,
  );
});

test("reading is refused by name", async () => {
  const { world } = await shared();
  equal(
    refusal(() => readSecret(world.state, "web/0", { id: "s9999999999999999999", mode: "tracked" })),
    'not found: secret "s9999999999999999999" not found',
  );
  equal(
    refusal(() => readSecret(world.state, "web/0", { id: "__proto__", mode: "tracked" })),
    'not valid: secret URI "__proto__" not valid',
  );
});

test("who led once and read as a peer does not hold old revisions back", async () => {
  const { world, id } = await shared();
  world.do({ type: "remove-relation", endpoints: ["web", "pg"] });
  await inHook(world, "pg/1", ({ ask }) => ask("secret-get", id));
  world.elect("pg/1");
  await inHook(world, "pg/1", ({ ask }) => ask("secret-set", id, "token=two"));
  equal(world.state.secrets[id]?.consumers["pg/1"]?.tracked, 1);
  world.do({ type: "remove-application", application: "web" });
  await world.settle();
  equal(world.trace.includes("pg/1 secret-remove"), true);
});
