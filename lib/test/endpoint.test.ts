import { describe, expect, expectTypeOf, test } from "vitest";
import { Charm, Endpoint, type Framework, boolean, integer, json, oneOf, optional, text } from "@cantrip/lib";
import { dispatcher } from "@cantrip/lib/testing";

const spoken = {
  provider: { unit: { words: text(), loud: optional(boolean()) } },
  requirer: {
    unit: { port: integer({ least: 1, most: 65_535 }), mode: optional(oneOf("tcp", "udp")) },
    app: { tags: optional(json((value) => (Array.isArray(value) ? value.map(String) : []))) },
  },
};

class Host extends Charm {
  readonly guests = new Endpoint(this, "guests", { ours: spoken.provider, theirs: spoken.requirer });

  constructor(framework: Framework) {
    super(framework);
    framework.observe(this.guests.on.changed, () => this.serve());
  }

  async serve(): Promise<void> {
    const [guest] = await this.guests.relations();
    if (guest === undefined) return;
    const unit = await this.guests.unit(guest, "guest/0");
    if (unit.kind === "fits") {
      expectTypeOf(unit.value.port).toEqualTypeOf<number>();
      expectTypeOf(unit.value.mode).toEqualTypeOf<"tcp" | "udp" | undefined>();
      // @ts-expect-error -- a required value is missing
      const wrong = () => this.guests.write(guest, "unit", { loud: true });
      expect(wrong).toBeTypeOf("function");
      await this.guests.write(guest, "unit", { words: `port ${unit.value.port}`, loud: true });
    }
    const outcome = await this.guests.fits();
    this.stored.set("outcome", { ...outcome });
  }
}

const dispatch = dispatcher(new URL("charms/greeter/", import.meta.url));
const after = async (bag: Record<string, string>, appData: Record<string, string> = {}) =>
  dispatch(Host, "guests-relation-changed", {
    relations: [{ endpoint: "guests", units: { "guest/0": bag }, appData, ownUnitData: { words: "old" } }],
  });

describe("an endpoint with a schema", () => {
  test("reads values, and writes them", async () => {
    const then = await after({ port: "80", mode: "udp", newer: "unknown" }, { tags: '["a"]' });
    expect(then.relations[0]?.ownUnitData).toEqual({ words: "port 80", loud: "true" });
    expect(then.stored["outcome"]).toEqual({ kind: "done" });
  });

  test.each([
    ["no number", { port: "x" }, {}, "an integer, at least 1, at most 65535", "guest/0", "port"],
    ["too large", { port: "70000" }, {}, "an integer, at least 1, at most 65535", "guest/0", "port"],
    ["none of a list", { port: "1", mode: "sctp" }, {}, "one of tcp, udp", "guest/0", "mode"],
    ["no JSON", { port: "1" }, { tags: "[" }, "JSON", "guest", "tags"],
  ])("names the key of what does not fit: %s", async (_, bag, appData, expected, entity, key) => {
    const then = await after(bag, appData);
    expect(then.stored["outcome"]).toEqual({
      kind: "blocked",
      fix: `fix what ${entity} sends in guests:0: "${key}": expected ${expected}`,
    });
  });

  test.each([
    [
      "a number that is none",
      { port: Number.NaN },
      '"port" in relation guests:0: expected an integer, at least 1',
    ],
    ["one out of bounds", { port: 70_000 }, '"port" in relation guests:0: expected an integer, at least 1'],
    ["none of a list", { port: 80, mode: "sctp" }, '"mode" in relation guests:0: expected one of tcp, udp'],
    [
      "an empty text",
      { port: 80, words: "" },
      '"words" in relation guests:0: expected a value that is not empty',
    ],
  ])("writes nothing that the other side would not read: %s", async (_, values, reason) => {
    const ours = { unit: { ...spoken.requirer.unit, words: text() } };
    class Writer extends Charm {
      readonly guests = new Endpoint(this, "guests", { ours, theirs: {} });

      constructor(framework: Framework) {
        super(framework);
        framework.observe(this.guests.on.changed, async ({ relation }) => {
          const write = this.guests.write(relation, "unit", { words: "hi", ...values } as never);
          await expect(write).rejects.toThrow(reason);
        });
      }
    }
    const relations = [{ endpoint: "guests", units: { "guest/0": {} }, ownUnitData: { words: "old" } }];
    const then = await dispatch(Writer, "guests-relation-changed", { relations });
    expect(then.relations[0]?.ownUnitData).toEqual({ words: "old" });
  });

  test("waits for what is not there yet", async () => {
    const then = await after({});
    expect(then.stored["outcome"]).toEqual({ kind: "wait", for: '"port" from guest/0 in guests:0' });
    expect(then.relations[0]?.ownUnitData).toEqual({ words: "old" });
  });
});
