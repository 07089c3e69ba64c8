import type { Charm } from "@cantrip/model";
import { createModel } from "@cantrip/model";
import { beforeEach, describe, expect, test } from "vitest";
import { Leases } from "../src/live/leases.ts";
import { Model } from "../src/live/live-model.ts";
import type { LiveModel } from "../src/models.ts";
import { Presence } from "../src/live/presence.ts";
import { openDatabase } from "../src/store/database.ts";
import { EventLog } from "../src/store/event-log.ts";
import { SecretVault } from "../src/store/secret-vault.ts";
import { FakeClock } from "./support/fake-clock.ts";
import { tinyCharm } from "./support/tiny-charm.ts";

const user = { by: "user" } as const;
let clock: FakeClock;
let model: Model;
let alive: Set<string>;
let parts: ConstructorParameters<typeof Model>[1];
const fail = (error: unknown) => {
  throw error;
};

const genesisOf = (now: number) =>
  createModel({ uuid: "11111111-1111-4111-8111-111111111111", name: "m", owner: "admin", now });

beforeEach(async () => {
  clock = new FakeClock();
  const db = openDatabase(":memory:");
  const log = new EventLog(db);
  const genesis = genesisOf(clock.now());
  log.addModel({ uuid: genesis.uuid, name: "m", owner: "admin", createdAt: 0, genesis });
  parts = { log, vault: new SecretVault(db, Buffer.alloc(32)), clock, onFatal: fail };
  model = new Model(genesis, parts);
  const charm: Charm = await tinyCharm();
  await model.execute({ type: "add-charm", charm }, user);
  await model.execute(
    {
      type: "deploy",
      application: "tiny",
      charmUrl: charm.url,
      units: 3,
      base: { name: "ubuntu", channel: "24.04" },
    },
    user,
  );
  alive = new Set();
});

const newLeases = (of: LiveModel = model) =>
  new Leases({ model: of, clock, agentAlive: (unit) => alive.has(unit), onError: fail });
const leader = () => model.state.applications["tiny"]?.leader;

test("nobody leads before an agent is there; the first whose agent is up does", async () => {
  const leases = newLeases();
  await leases.evaluate();
  expect(leader()).toBeUndefined();
  alive.add("tiny/1");
  await leases.evaluate();
  expect(leader()).toBe("tiny/1");
  alive.add("tiny/0");
  await leases.evaluate();
  expect(leader()).toBe("tiny/1");
});

test("a leader that gives signs of life stays; a silent one is followed after its term", async () => {
  const leases = newLeases();
  alive.add("tiny/0").add("tiny/1");
  await leases.evaluate();
  for (let i = 0; i < 10; i++) {
    await clock.advance(30_000);
    leases.renew("0");
  }
  expect(leader()).toBe("tiny/0");
  alive.delete("tiny/0");
  await clock.advance(59_000);
  expect(leader()).toBe("tiny/0");
  await clock.advance(2_000);
  expect(leader()).toBe("tiny/1");
});

test("is-leader is true for the leader alone, and promises half a term", async () => {
  const leases = newLeases();
  alive.add("tiny/0").add("tiny/1");
  expect(await leases.claim("tiny/0")).toBe(true);
  expect(await leases.claim("tiny/1")).toBe(false);
  await clock.advance(50_000);
  expect(await leases.claim("tiny/0")).toBe(true);
  alive.delete("tiny/0");
  await clock.advance(30_000);
  expect(leader()).toBe("tiny/0");
});

test("a controller that starts again gives its leaders a full term", async () => {
  const first = newLeases();
  alive.add("tiny/0").add("tiny/1");
  await first.evaluate();
  first.close();
  await clock.advance(300_000);
  const second = newLeases();
  await second.evaluate();
  alive.delete("tiny/0");
  await clock.advance(58_000);
  expect(leader()).toBe("tiny/0");
  await clock.advance(5_000);
  expect(leader()).toBe("tiny/1");
});

test("a leader that is dying does not extend its term, one that is gone is followed at once", async () => {
  const leases = newLeases();
  alive.add("tiny/0").add("tiny/1");
  await leases.evaluate();
  await model.execute({ type: "remove-unit", unit: "tiny/0", force: true }, user);
  await leases.evaluate();
  expect(leader()).toBe("tiny/1");
});

/** `model`, its commands executed in another way */
const through = (execute: LiveModel["execute"]): LiveModel => ({
  uuid: model.uuid,
  name: model.name,
  version: model.version,
  state: model.state,
  subscribe: (listener) => model.subscribe(listener),
  execute,
});

describe("a model that takes its time over a command", () => {
  /** meanwhile others may ask */
  const slow = () =>
    through(async (...asked) => {
      await new Promise((done) => setImmediate(done));
      return model.execute(...asked);
    });
  const elections = () =>
    [...parts.log.load(model.uuid).events].flatMap(({ event }) =>
      event.type === "leader-elected" || event.type === "leader-deposed"
        ? [`${event.type} ${event.unit}`]
        : [],
    );

  test("has one leader at a time, whoever asks meanwhile", async () => {
    const leases = newLeases(slow());
    alive.add("tiny/1");
    const first = leases.claim("tiny/1");
    await Promise.resolve();
    alive.add("tiny/0");
    const others = ["tiny/0", "tiny/1", "tiny/0"].map((unit) => leases.claim(unit));
    expect(await Promise.all([first, ...others])).toEqual([true, false, true, false]);
    expect(elections()).toEqual(["leader-elected tiny/1"]);
  });

  test("deposes nobody whose term is renewed in time", async () => {
    const leases = newLeases(slow());
    alive.add("tiny/0").add("tiny/1");
    await leases.evaluate();
    await clock.advance(60_000 - 1);
    const looks = [leases.evaluate(), leases.claim("tiny/0"), leases.evaluate()];
    leases.renew("0");
    await Promise.all(looks);
    await clock.advance(59_000);
    expect(elections()).toEqual(["leader-elected tiny/0"]);
  });

  test("answers no to a leader whose end is under way", async () => {
    const leases = newLeases(slow());
    alive.add("tiny/0");
    await leases.evaluate();
    alive.delete("tiny/0");
    alive.add("tiny/1");
    const look = clock.advance(60_000);
    leases.renew("0");
    expect(await leases.claim("tiny/0")).toBe(false);
    await look;
    expect(elections()).toEqual(["leader-elected tiny/0", "leader-deposed tiny/0", "leader-elected tiny/1"]);
  });
});

test("a change that fails is reported, and tried again a second later", async () => {
  const errors: unknown[] = [];
  let isBroken = true;
  const broken = through(async (...asked) => {
    if (isBroken) throw new Error("no room");
    return model.execute(...asked);
  });
  const onError = (error: unknown) => void errors.push(error);
  const leases = new Leases({ model: broken, clock, agentAlive: (unit) => unit === "tiny/1", onError });
  await leases.evaluate();
  await clock.advance(900);
  expect(errors).toEqual([new Error("no room")]);
  isBroken = false;
  await clock.advance(200);
  expect(leader()).toBe("tiny/1");
});

test("a replayed model is the one that was", () => {
  expect(new Model(genesisOf(1_000_000), parts).state).toEqual(model.state);
});

test("an agent is lost after its grace period, which a start of the controller renews, and back when it is heard", async () => {
  const presence = new Presence({ clock, onError: fail });
  await presence.arrive(model, "0", { bootId: "b1", addresses: ["10.0.0.1"] });
  expect(presence.agentAlive(model, "unit-tiny-0")).toBe(true);
  await clock.advance(19_000);
  await presence.check([model]);
  expect(model.state.machines["0"]?.agentStatus.status).toBe("started");
  await clock.advance(2_000);
  await presence.check([model]);
  expect(model.state.machines["0"]?.agentStatus.status).toBe("down");
  expect(model.state.units["tiny/0"]?.agentStatus.status).toBe("lost");
  expect(presence.agentAlive(model, "machine-0")).toBe(false);
  await presence.arrive(model, "0", { bootId: "b1", addresses: ["10.0.0.1"] });
  expect(model.state.machines["0"]?.agentStatus.status).toBe("started");
  const restarted = new Presence({ clock, onError: fail });
  await clock.advance(15_000);
  await restarted.check([model]);
  expect(model.state.machines["0"]?.agentStatus.status).toBe("started");
  await clock.advance(6_000);
  await restarted.check([model]);
  expect(model.state.machines["0"]?.agentStatus.status).toBe("down");
});
