import { expect, test } from "vitest";
import { Charm, type Framework, type StorageEvent } from "@cantrip/lib";
import { CommitRefused, TestModel, dispatch } from "@cantrip/lib/testing";
import { definitionOfCharm } from "./harness/world.ts";

const definition = await definitionOfCharm("contract");

class StoringCharm extends Charm {
  constructor(framework: Framework) {
    super(framework);
    const { attached, detaching } = this.on.storage("data");
    for (const event of [attached, detaching])
      framework.observe(event, async ({ name, storage }: StorageEvent) => {
        const message = `${name} ${storage.id} ${await storage.location()}`;
        await this.model.unit.setStatus({ status: "active", message });
      });
    framework.observe(this.on.configChanged, () => this.model.requestStorage("data", 2));
  }
}

test("an instance is attached, with its place", async () => {
  const given = { storage: { "data/3": "/srv/data/3" } };
  const then = await dispatch(StoringCharm, "data-storage-attached", given, { definition });
  expect(then).toMatchObject({ ...given, status: "active: data-storage-attached data/3 /srv/data/3" });
});

test("of several, the event says which; one that is let go is gone", async () => {
  const given = { storage: { "data/0": "/a", "data/1": "/b" } };
  const event = { hook: "data-storage-detaching", storage: "data/1" };
  const then = await dispatch(StoringCharm, event, given, { definition });
  expect([then.status, then.storage]).toEqual([
    "active: data-storage-detaching data/1 /b",
    { "data/0": "/a" },
  ]);
  await expect(dispatch(StoringCharm, "data-storage-detaching", given, { definition })).rejects.toThrow(
    "could be about several instances",
  );
});

test("more is asked for, or refused with the commit", async () => {
  const then = await dispatch(StoringCharm, "config-changed", {}, { definition });
  expect(then.storageRequests).toEqual([{ name: "data", count: 2 }]);
  const full = { storage: { "data/0": "/a" } };
  const refused = dispatch(StoringCharm, "config-changed", full, { definition });
  await expect(refused).rejects.toThrow(CommitRefused);
  await expect(refused).rejects.toMatchObject({ hookToolCalls: ["storage-add data=2"] });
});

test("in a whole model, what was asked for comes", async () => {
  const model = new TestModel();
  await model.deploy(StoringCharm, { definition });
  await model.settle();
  expect(Object.keys(model.unit("web/0").storage ?? {})).toEqual(["data/0", "data/1"]);
  model.do({ type: "detach-storage", storage: "data/0" });
  await model.settle();
  expect(model.status("web/0")).toBe("active: data-storage-detaching data/0 /var/lib/juju/storage/data/0");
});
