/** What the compiler knows of a charm that says what its files declare. The checker of types runs these too; so they hold without running. */
import { expect, expectTypeOf, test } from "vitest";
import { type ActionEvent, Charm, type Config, type ConfigValue, type Framework } from "@cantrip/lib";
import { dispatch } from "@cantrip/lib/testing";
import type { Actions, Declared } from "./tutorial/4-action/share/src/generated/charm-types.ts";

type Usage = ActionEvent<Actions["usage"], { size: string; files: number }>;

class TypedCharm extends Charm<Declared> {
  constructor(framework: Framework) {
    super(framework);
    framework.observe(this.on.action("usage"), (event) => this.usage(event));
  }

  async usage(event: Usage): Promise<void> {
    await event.setResults({ size: `${event.params.client} in ${event.params.unit}` });
  }
}
class UntypedCharm extends Charm {}

test("a charm with generated types runs as any other", async () => {
  const dir = new URL("tutorial/4-action/share/", import.meta.url);
  const event = { action: "usage", params: { client: "backup" } };
  const { action } = await dispatch(TypedCharm, event, {}, { dir });
  expect(action?.results).toEqual({ size: "backup in MiB" });
});

test("options have their types, and only those that are declared are there", () => {
  expectTypeOf<Awaited<ReturnType<TypedCharm["model"]["config"]>>>().toEqualTypeOf<{
    readonly comment: string;
    readonly "max-connections": number;
  }>();
  const parse = ({ comment }: { comment: string }) => comment;
  expectTypeOf<TypedCharm["loadConfig"]>().toBeCallableWith(parse, { invalid: "blocked" });
  // @ts-expect-error -- it is a number
  const misread = (charm: TypedCharm) => charm.loadConfig((config: { "max-connections": string }) => config);
  expectTypeOf(misread).returns.resolves.toHaveProperty("max-connections");
});

test("names are those that are declared", () => {
  const relations = (charm: TypedCharm) => charm.on.relation("clients");
  // @ts-expect-error -- it declares "clients"
  const misspelt = (charm: TypedCharm) => charm.on.relation("client");
  // @ts-expect-error -- it declares "clients"
  const misspeltToo = (charm: TypedCharm) => charm.model.relations("client");
  // @ts-expect-error -- it declares "usage"
  const unknown = (charm: TypedCharm) => charm.on.action("use");
  // @ts-expect-error -- it declares no resource
  const none = (charm: TypedCharm) => charm.model.resource("package");
  expectTypeOf([relations, misspelt, misspeltToo, unknown, none]).toBeArray();
});

test("an action has its parameters and results", () => {
  expectTypeOf<Usage["params"]["unit"]>().toEqualTypeOf<"B" | "KiB" | "MiB">();
  const answers = (event: Usage) => event.setResults({ files: 3 });
  // @ts-expect-error -- it answers with files and size
  const misanswers = (event: Usage) => event.setResults({ bytes: 3 });
  expectTypeOf([answers, misanswers]).toBeArray();
  const observe = (charm: TypedCharm) =>
    charm.framework.observe(charm.on.action("usage"), ({ params }) => {
      expectTypeOf(params.client).toEqualTypeOf<string>();
    });
  expectTypeOf(observe).parameter(0).toEqualTypeOf<TypedCharm>();
});

test("without types all is as Juju may say it, and a typed charm passes for an untyped one", () => {
  expectTypeOf<Awaited<ReturnType<UntypedCharm["model"]["config"]>>>().toEqualTypeOf<Config>();
  expectTypeOf<Config[string]>().toEqualTypeOf<ConfigValue | undefined>();
  expectTypeOf<ActionEvent["params"]>().toEqualTypeOf<Readonly<Record<string, unknown>>>();
  expectTypeOf<TypedCharm>().toExtend<Charm>();
});

test("types may be written by hand, and what is left out stays untyped", () => {
  class SmallCharm extends Charm<{ config: { greeting?: string } }> {}
  expectTypeOf<Awaited<ReturnType<SmallCharm["model"]["config"]>>["greeting"]>().toEqualTypeOf<
    string | undefined
  >();
  expectTypeOf<SmallCharm["on"]["relation"]>().toBeCallableWith("any");
});
