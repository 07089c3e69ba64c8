import { expect, test } from "vitest";
import { dispatcher } from "@cantrip/lib/testing";
import { MemoryMachine } from "../../machine/memory.ts";
import { ShareCharm } from "../src/charm.ts";

const dispatch = dispatcher(new URL("..", import.meta.url));

test("install makes the directory", async () => {
  const machine = new MemoryMachine();
  const then = await dispatch(ShareCharm, "install", {}, { fakes: machine });
  expect(machine.directories).toEqual(new Set(["/srv/share"]));
  expect(then.status).toBe("active");
});
