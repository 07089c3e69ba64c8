import { describe, expect, test } from "vitest";
import { Charm, EndDispatch, EventSource, type Framework, type ToolRunner } from "@cantrip/lib";
import { dispatcher } from "@cantrip/lib/testing";
import { contextFrom } from "../src/framework/context.ts";
import { Dispatch } from "../src/framework/dispatch.ts";
import { memoryStore } from "../src/framework/stored.ts";
import { definitionOfCharm } from "./harness/world.ts";

const dispatch = dispatcher(new URL("charms/contract/", import.meta.url));
const given = { leader: true, relations: [{ endpoint: "db", app: "pg", units: { "pg/0": {} } }] };
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

/** A charm that begins `work` at its start, and does not await it. */
function careless(
  work: (charm: Charm) => Promise<unknown>,
  { atFirst, after }: { atFirst?: (charm: Charm) => void; after?: (charm: Charm) => void } = {},
) {
  return class extends Charm {
    constructor(framework: Framework) {
      super(framework);
      atFirst?.(this);
      framework.observe(this.on.start, () => {
        void work(this);
        after?.(this);
      });
    }
  };
}

describe("what a handler does not await is there when its dispatch ends", () => {
  test("a status", async () => {
    const Tested = careless(({ model }) => model.unit.setStatus({ status: "active", message: "late" }));
    expect((await dispatch(Tested, "start")).status).toBe("active: late");
  });

  test("a databag, behind the questions that its write asks", async () => {
    const Tested = careless(async ({ model }) => {
      const [relation] = await model.relations("db");
      await relation?.set("unit", { a: "1" });
      await relation?.set("app", { b: "2" });
    });
    const { relations } = await dispatch(Tested, "start", given);
    expect(relations).toMatchObject([{ ownUnitData: { a: "1" }, ownAppData: { b: "2" } }]);
  });

  test("a secret and its grant", async () => {
    const Tested = careless(async ({ model }) => {
      const secret = await model.addSecret({ token: "abc" });
      for (const relation of await model.relations("db")) await secret.grant(relation);
    });
    expect((await dispatch(Tested, "start", given)).secrets).toMatchObject([{ grants: [{ relation: 0 }] }]);
  });

  test("an event, whatever its handlers wait for, and what comes after it", async () => {
    const ready = new EventSource<number>("ready");
    const Tested = careless(
      async (charm) => {
        await charm.framework.emit(ready, 1);
        charm.stored.set("after", true);
      },
      {
        atFirst: ({ framework, stored }) =>
          framework.observe(ready, async (n) => {
            await pause();
            stored.set("ready", n);
          }),
      },
    );
    expect((await dispatch(Tested, "start")).stored).toEqual({ ready: 1, after: true });
  });

  test("also in a dispatch that ends early, and well", async () => {
    const Tested = careless(
      async ({ model }) => {
        await model.unit.isLeader();
        await model.unit.setWorkloadVersion("2");
      },
      {
        after: () => {
          throw new EndDispatch(0);
        },
      },
    );
    const { exitCode, workloadVersion } = await dispatch(Tested, "start");
    expect([exitCode, workloadVersion]).toEqual([0, "2"]);
  });
});

describe("the end of a dispatch", () => {
  const answering: ToolRunner = {
    run: async ({ argv }) => ({ argv, exitCode: 0, stdout: "true", stderr: "" }),
  };
  const silent: ToolRunner = { run: () => new Promise(() => undefined) };
  const store = memoryStore();
  const dispatchOver = async (runner: ToolRunner): Promise<Dispatch> =>
    new Dispatch({
      context: contextFrom({
        JUJU_CHARM_DIR: "/charm",
        JUJU_DISPATCH_PATH: "hooks/start",
        JUJU_UNIT_NAME: "web/0",
        JUJU_MODEL_NAME: "test",
        JUJU_MODEL_UUID: "00000000-0000-4000-8000-000000000000",
        JUJU_VERSION: "3.6.14",
      }),
      definition: await definitionOfCharm("contract"),
      runner,
      store,
      clock: () => 0,
      unawaitedTimeoutMs: 30,
    });
  const storing = ({ stored }: Charm): void => stored.set("seen", true);

  test("is bounded, names what did not end, and then keeps nothing", async () => {
    const endless = new EventSource<undefined>("endless");
    const Tested = careless(
      ({ framework, model }) =>
        Promise.all([framework.emit(endless, undefined), model.unit.setWorkloadVersion("2")]),
      {
        atFirst: ({ framework }) => framework.observe(endless, () => new Promise(() => undefined)),
        after: storing,
      },
    );
    await expect((await dispatchOver(silent)).run(Tested)).rejects.toThrow(
      'Cannot end this dispatch: "endless", application-version-set did not end within 0.03 s, and nobody awaited it',
    );
    expect(store.data.values).toEqual({});
  });

  test("fails with what is thrown where nobody listens, until the last tool has ended, and keeps nothing", async () => {
    const running = await dispatchOver(answering);
    const Tested = careless(
      ({ model }) => model.unit.isLeader().then(() => running.stray(new Error("lost"))),
      { after: storing },
    );
    await expect(running.run(Tested)).rejects.toThrow("lost");
    expect(store.data.values).toEqual({});
  });

  test("does not see what waits for something else than the framework", async () => {
    let ended = false;
    const Tested = careless(async () => {
      await pause();
      ended = true;
    });
    await (await dispatchOver(answering)).run(Tested);
    expect(ended).toBe(false);
  });
});
