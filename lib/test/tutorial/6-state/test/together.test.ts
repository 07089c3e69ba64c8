import { expect, test } from "vitest";
import { TestModel, dispatcher, killed } from "@cantrip/lib/testing";
import { BackupCharm } from "../backup/src/charm.ts";
import { MemoryMachine } from "../machine/memory.ts";
import { ShareCharm } from "../share/src/charm.ts";

const [backup, share] = [new URL("../backup/", import.meta.url), new URL("../share/", import.meta.url)];
const dispatch = dispatcher(share);

test.each([1, 2, 3, 4, 5])(
  "both charms settle, in the order of seed %i, though hooks are killed",
  async (seed) => {
    const machines: Record<string, MemoryMachine> = {};
    const fakes = (unit: string): MemoryMachine => (machines[unit] = new MemoryMachine());
    const model = new TestModel({ seed, kills: 0.2 });
    await model.deploy(ShareCharm, { dir: share, fakes });
    await model.deploy(BackupCharm, { dir: backup, units: 2, fakes });
    model.do({ type: "integrate", endpoints: ["backup:share", "share:clients"] });
    await model.settle();

    for (const unit of ["share/0", "backup/0", "backup/1"]) expect(model.status(unit), unit).toBe("active");
    const passwords = ["backup/0", "backup/1"].map((unit) =>
      machines[unit]?.files.get("/etc/backup.password"),
    );
    const known = machines["share/0"]?.files.get("/etc/rsyncd.secrets");
    expect(passwords.map((password) => `backup:${password}`)).toEqual([known, known]);
  },
);

const withBackup = {
  leader: true,
  relations: [{ endpoint: "clients", app: "backup", appData: { access: "write" } }],
};

test("wherever the process is killed, the next hook makes it good", async () => {
  const event = "clients-relation-changed";
  const options = { dir: share, fakes: () => new MemoryMachine() };
  for await (const { at, left, fakes } of killed(ShareCharm, event, withBackup, options)) {
    const then = await dispatch(ShareCharm, event, left, { fakes });
    expect([then.status, then.secrets.length], at).toEqual(["active", 1]);
    const { password } = then.secrets[0]!.content;
    expect(fakes.files.get("/etc/rsyncd.secrets"), at).toBe(`backup:${password}\n`);
  }
});

test("a state that Juju would never let be is a mistake in the test", async () => {
  const given = { relations: [{ endpoint: "guests", app: "backup" }] };
  await expect(dispatch(ShareCharm, "update-status", given, { fakes: new MemoryMachine() })).rejects.toThrow(
    'The given state cannot be: the charm defines no endpoint "guests"',
  );
});
