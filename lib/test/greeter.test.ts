import { expect, test } from "vitest";
import { dispatcher } from "@cantrip/lib/testing";
import { GreeterCharm } from "./charms/greeter/src/charm.ts";

const dispatch = dispatcher(new URL("charms/greeter/", import.meta.url));

test("without a greeting it says what to set", async () => {
  const then = await dispatch(GreeterCharm, "config-changed");
  expect(then.status).toBe('blocked: set the option "greeting"');
});

test("guests are told, once", async () => {
  const given = {
    config: { greeting: "hello" },
    relations: [{ endpoint: "guests", units: { "guest/0": {} } }],
  };
  const then = await dispatch(GreeterCharm, "guests-relation-joined", given);
  expect([then.status, then.relations[0]?.ownUnitData]).toEqual(["active", { greeting: "hello" }]);
  expect(await dispatch(GreeterCharm, "config-changed", then)).toMatchObject({ relations: then.relations });
});

test("an action answers", async () => {
  const event = { action: "greet", params: { name: "you" } };
  const { action } = await dispatch(GreeterCharm, event, { config: { greeting: "hello" } });
  expect(action?.results).toEqual({ said: "hello you" });
  expect((await dispatch(GreeterCharm, event)).action?.failure).toBe('the option "greeting" is not set');
});
