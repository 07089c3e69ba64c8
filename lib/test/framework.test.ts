import { describe, expect, test } from "vitest";
import {
  Charm,
  DataEvent,
  EventSource,
  type Framework,
  HookEvent,
  NotDeferrable,
  type RelationEvent,
  UnknownName,
} from "@cantrip/lib";
import { type EventGiven, GivenError, type State, dispatcher } from "@cantrip/lib/testing";

const dispatch = dispatcher(new URL("charms/contract/", import.meta.url));

/** A charm whose constructor is `observe`. */
function charmOf(observe: (charm: Charm, framework: Framework) => void) {
  return class extends Charm {
    constructor(framework: Framework) {
      super(framework);
      observe(this, framework);
    }
  };
}

test("handlers run in the order in which they began to observe, each awaited", async () => {
  const ran: string[] = [];
  const Tested = charmOf(({ on }, framework) => {
    framework.observe(on.start, async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      ran.push("slow");
    });
    framework.observe(on.start, () => void ran.push("quick"));
    framework.observe(on.stop, () => void ran.push("other"));
  });
  await dispatch(Tested, "start");
  expect(ran).toEqual(["slow", "quick"]);
});

test("a library's own event reaches its observers at once", async () => {
  const ran: string[] = [];
  const ready = new EventSource<{ endpoint: string }>("db.ready");
  const Tested = charmOf(({ on }, framework) => {
    framework.observe(on.start, async () => {
      await framework.emit(ready, { endpoint: "a:1" });
      ran.push("after");
    });
    framework.observe(ready, ({ endpoint }) => void ran.push(endpoint));
  });
  await dispatch(Tested, "start");
  expect(ran).toEqual(["a:1", "after"]);
});

test.each([
  ["relation", ({ on }: Charm) => on.relation("nope")],
  ["storage", ({ on }: Charm) => on.storage("nope")],
  ["action", ({ on }: Charm) => on.action("nope")],
])("observing a %s that the charm does not define is a mistake", async (_, observe) => {
  await expect(dispatch(charmOf(observe), "start")).rejects.toThrow(UnknownName);
});

describe("relation events", () => {
  const given: State = {
    relations: [{ endpoint: "db", id: 7, app: "pg", units: { "pg/0": {}, "pg/1": {} } }],
  };

  test.each<[EventGiven, unknown]>([
    [
      { hook: "db-relation-changed", unit: "pg/1" },
      { app: "pg", unit: "pg/1" },
    ],
    [
      { hook: "db-relation-departed", unit: "pg/1" },
      { app: "pg", unit: "pg/1", departingUnit: "pg/1" },
    ],
    [
      { hook: "db-relation-departed", unit: "pg/1", departingUnit: "web/0" },
      { app: "pg", unit: "pg/1", departingUnit: "web/0" },
    ],
    ["db-relation-created", { app: "pg" }],
    ["db-relation-broken", { app: "pg" }],
  ])("%o", async (event, expected) => {
    const seen: unknown[] = [];
    const Tested = charmOf(({ on }, framework) => {
      const see = ({ relation: { id }, app, unit, departingUnit }: RelationEvent) =>
        void seen.push({ id, app, unit, departingUnit });
      for (const source of Object.values(on.relation("db"))) framework.observe(source, see);
    });
    await dispatch(Tested, event, given);
    expect(seen).toEqual([{ id: 7, ...(expected as object) }]);
  });

  test.each<[EventGiven, string]>([
    ["db-relation-changed", "could be about several units: say which"],
    ["website-relation-created", 'needs a relation of "website", and there is none'],
    ["secret-changed", "needs one of the secrets"],
    [{ action: "nope" }, 'the action "nope" cannot run: action "nope" not defined on unit "web/0"'],
    [{ action: "backup", params: { target: 5 } }, "(root).target : must be of type string, given 5"],
  ])("a test that does not say enough is told: %o", async (event, reason) => {
    await expect(
      dispatch(
        charmOf(() => undefined),
        event,
        given,
      ),
    ).rejects.toThrow(GivenError);
    await expect(
      dispatch(
        charmOf(() => undefined),
        event,
        given,
      ),
    ).rejects.toThrow(reason);
  });

  test.each<[State, string]>([
    [{ relations: [{ endpoint: "nope" }] }, 'no endpoint "nope"'],
    [
      {
        relations: [
          { endpoint: "db", id: 1 },
          { endpoint: "website", id: 1 },
        ],
      },
      "two relations have the same id",
    ],
    [
      { relations: [{ endpoint: "db", app: "pg", units: { "mysql/0": {} } }] },
      'unit "mysql/0" is not of "pg"',
    ],
    [{ relations: [{ endpoint: "peers", app: "pg" }] }, 'its application is "web"'],
    [{ resources: { nope: "/x" } }, 'no resource "nope"'],
  ])("a state that cannot be is refused: %o", async (state, reason) => {
    await expect(
      dispatch(
        charmOf(() => undefined),
        "start",
        state,
      ),
    ).rejects.toThrow(reason);
  });
});

describe("deferring", () => {
  const ran: string[] = [];
  let again = true;
  const Deferring = charmOf(({ on }, framework) => {
    const handle = (event: HookEvent) => {
      ran.push(event.name);
      if (again) event.defer();
    };
    framework.observe(on.configChanged, handle, { as: "handle" });
    framework.observe(on.relation("db").changed, handle, { as: "handle" });
    framework.observe(on.start, () => void ran.push("plain"));
  });
  const relations = [{ endpoint: "db", app: "pg", units: { "pg/0": {} } }];

  test("brings the event back before the next one, in order, until it is done", async () => {
    ran.length = 0;
    again = true;
    const first = await dispatch(Deferring, "config-changed", { relations });
    const second = await dispatch(Deferring, "db-relation-changed", first);
    expect(ran.splice(0)).toEqual(["config-changed", "config-changed", "db-relation-changed"]);
    expect(second.deferred.map(({ event }) => event)).toEqual(["config-changed", "db-relation-changed"]);
    again = false;
    const third = await dispatch(Deferring, "start", second);
    expect(ran.splice(0)).toEqual(["config-changed", "db-relation-changed", "plain"]);
    expect(third.deferred).toEqual([]);
  });

  test("an event that waits already is not queued twice", async () => {
    ran.length = 0;
    again = true;
    const first = await dispatch(Deferring, "config-changed", { relations });
    const second = await dispatch(Deferring, "config-changed", first);
    expect([second.deferred.length, ran]).toEqual([1, ["config-changed", "config-changed"]]);
  });

  test("what nobody waits for any more, or what the charm no longer has, is dropped, and the log says so", async () => {
    ran.length = 0;
    again = true;
    const deferred = [
      { event: "config-changed", observer: "renamed", snapshot: { kind: "hook" } },
      { event: "website-relation-changed", observer: "handle", snapshot: null },
      {
        event: "db-relation-changed",
        observer: "handle",
        snapshot: { kind: "relation", endpoint: "formerly", id: 1 },
      },
    ];
    const then = await dispatch(Deferring, "start", { deferred });
    expect([then.deferred, ran]).toEqual([[], ["plain"]]);
    expect(then.log.map(({ level, text }) => `${level}: ${text}`)).toEqual(
      deferred.map(
        ({ event, observer }) =>
          `warning: Dropped the deferred "${event}": "${observer}" observes it no more`,
      ),
    );
  });

  test.each(["db", "peers"])(
    "a relation of %s that is gone comes back as one that is not active",
    async (endpoint) => {
      const seen: unknown[] = [];
      const Seeing = charmOf(({ on }, framework) => {
        framework.observe(on.relation(endpoint).changed, async ({ relation, app = "", unit = "" }) => {
          const { id, active } = relation;
          seen.push({
            id,
            active,
            app,
            unit,
            units: await relation.units(),
            data: await relation.data(unit),
          });
        });
      });
      const app = endpoint === "db" ? "pg" : "web";
      const snapshot = { kind: "relation", endpoint, id: 99, app, unit: `${app}/7` };
      const deferred = [{ event: `${endpoint}-relation-changed`, observer: "handler", snapshot }];
      const then = await dispatch(Seeing, "start", { deferred });
      const expected = { id: 99, active: false, app, unit: `${app}/7`, units: [], data: {} };
      expect([then.deferred, seen]).toEqual([[], [expected]]);
    },
  );

  test("an event of a library comes back with its data", async () => {
    const ready = new EventSource<DataEvent<{ names: string[] }>>("db.ready");
    const seen: string[][] = [];
    const Tested = charmOf(({ on }, framework) => {
      framework.observe(on.start, () => framework.emit(ready, new DataEvent(ready, { names: ["a", "b"] })));
      framework.observe(ready, (event) => {
        seen.push(event.data.names);
        if (seen.length < 3) event.defer();
      });
    });
    const then = await dispatch(Tested, ["start", "update-status", "update-status", "update-status"]);
    expect([then.deferred, seen]).toEqual([[], Array.from({ length: 3 }, () => ["a", "b"])]);
  });

  test("an event of a class of the charm's own would come back without its fields: it is delivered, not deferred", async () => {
    class Ready extends HookEvent {
      readonly database: string;
      constructor(database: string) {
        super("db.ready");
        this.database = database;
      }
    }
    const ready = new EventSource<Ready>("db.ready");
    const seen: string[] = [];
    const Tested = charmOf(({ on }, framework) => {
      framework.observe(on.start, () => framework.emit(ready, new Ready("a")));
      framework.observe(ready, async (event) => {
        seen.push(event.database);
        if (event.database === "a") await framework.emit(ready, new Ready("b"));
        event.defer();
      });
    });
    await expect(dispatch(Tested, "start")).rejects.toThrow(
      'Cannot defer "db.ready": what a Ready holds is not kept; use a DataEvent',
    );
    expect(seen).toEqual(["a", "b"]);
  });

  test.each<EventGiven>(["stop", "remove", { action: "backup" }])(
    "events of the moment cannot wait: %o",
    async (event) => {
      const Tested = charmOf(({ on }, framework) => {
        for (const source of [on.stop, on.remove]) framework.observe(source, (e) => e.defer());
        framework.observe(on.action("backup"), (e) => e.defer());
      });
      await expect(dispatch(Tested, event)).rejects.toThrow(NotDeferrable);
    },
  );
});

describe("collecting a status", () => {
  const Collecting = charmOf(({ on }, framework) => {
    for (const source of [on.collectUnitStatus, on.collectAppStatus]) {
      framework.observe(source, (event) => {
        event.addStatus({ status: "active", message: "" });
        event.addStatus({ status: "waiting", message: "one" });
        event.addStatus({ status: "waiting", message: "two" });
      });
    }
  });

  test("sets the worst, of equals the first, for the application on its leader only", async () => {
    const follower = await dispatch(Collecting, "update-status");
    const leader = await dispatch(Collecting, "update-status", { leader: true });
    expect([follower.status, follower.appStatus]).toEqual(["waiting: one", "unknown"]);
    expect([leader.status, leader.appStatus]).toEqual(["waiting: one", "waiting: one"]);
  });
});

test("stored values come back in the next dispatch, not from one that failed", async () => {
  const Counting = charmOf(({ on, stored }, framework) => {
    framework.observe(on.start, () => stored.set("count", Number(stored.get("count") ?? 0) + 1));
    framework.observe(on.stop, () => {
      stored.set("count", 100);
      throw new Error("boom");
    });
  });
  const given = await dispatch(Counting, "start");
  await expect(dispatch(Counting, "stop", given)).rejects.toThrow("boom");
  expect((await dispatch(Counting, "start", given)).stored).toEqual({ count: 2 });
});

describe("several events", () => {
  const Counting = charmOf(({ on, stored, model, log }, framework) => {
    for (const event of [on.install, on.start, on.updateStatus])
      framework.observe(event, async ({ name }) => {
        const count = Number(stored.get("count") ?? 0) + 1;
        stored.set("count", count);
        log.info(name);
        await model.unit.setStatus({ status: "active", message: String(count) });
        if (count === 3) throw new Error("three");
      });
  });

  test("follow each other, each from the state that the one before it left", async () => {
    const then = await dispatch(Counting, ["install", "start"]);
    expect(then).toMatchObject({
      status: "active: 2",
      stored: { count: 2 },
      statusHistory: ["active: 1", "active: 2"],
      log: [{ text: "install" }, { text: "start" }],
    });
  });

  test("end at the one that fails, which is told with those before it", async () => {
    const running = dispatch(Counting, ["install", "start", "update-status", "stop"]);
    await expect(running).rejects.toMatchObject({
      message: "three",
      events: ["install", "start", "update-status"],
      hookToolCalls: expect.arrayContaining(["status-set --application=false active -- 3"]),
    });
  });
});

test("what a test gives in place of the outside world reaches the constructor", async () => {
  class Reaching extends Charm {
    constructor(framework: Framework, fakes: { answer: () => number } = { answer: () => 0 }) {
      super(framework);
      framework.observe(this.on.start, () =>
        this.model.unit.setStatus({ status: "active", message: String(fakes.answer()) }),
      );
    }
  }
  expect((await dispatch(Reaching, "start", {}, { fakes: { answer: () => 42 } })).status).toBe("active: 42");
});

test("a log of the whole dispatch comes with the outcome", async () => {
  const Logging = charmOf(({ on, log }, framework) => {
    framework.observe(on.start, () => {
      log.info("one");
      log.error("two");
    });
  });
  expect((await dispatch(Logging, "start")).log).toEqual([
    { level: "info", text: "one" },
    { level: "error", text: "two" },
  ]);
});

test("a reboot now ends the dispatch there, well, and keeps nothing stored", async () => {
  const Rebooting = charmOf(({ on, model, stored }, framework) => {
    framework.observe(on.start, async () => {
      stored.set("seen", true);
      await model.unit.reboot({ now: true });
      await model.unit.setWorkloadVersion("2");
    });
  });
  expect(await dispatch(Rebooting, "start")).toMatchObject({
    exitCode: 0,
    reboot: "now",
    workloadVersion: "",
    stored: {},
  });
});
