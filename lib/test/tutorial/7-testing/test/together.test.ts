import { expect, test } from "vitest";
import { dispatcher } from "@cantrip/lib/testing";
import { BackupCharm } from "../backup/src/charm.ts";
import { MemoryMachine } from "../machine/memory.ts";
import { ShareCharm } from "../share/src/charm.ts";

const dispatchBackup = dispatcher(new URL("../backup/", import.meta.url));
const dispatchShare = dispatcher(new URL("../share/", import.meta.url));

test("what one side writes, the other understands", async () => {
  const machines = { backup: new MemoryMachine(), share: new MemoryMachine() };

  const asking = await dispatchBackup(
    BackupCharm,
    "share-relation-created",
    { leader: true, relations: [{ endpoint: "share", app: "share" }] },
    { fakes: machines.backup },
  );
  const offering = await dispatchShare(
    ShareCharm,
    "clients-relation-changed",
    {
      leader: true,
      relations: [{ endpoint: "clients", app: "backup", appData: asking.relations[0]!.ownAppData }],
    },
    { fakes: machines.share },
  );
  const [offer, secret] = [offering.relations[0]!, offering.secrets[0]!];
  const working = await dispatchBackup(
    BackupCharm,
    "share-relation-changed",
    {
      ...asking,
      relations: [
        { ...asking.relations[0]!, units: { "share/0": offer.ownUnitData }, appData: offer.ownAppData },
      ],
      secrets: [{ id: secret.id, content: secret.content }],
    },
    { fakes: machines.backup },
  );

  expect(working.status).toBe("active");
  const password = machines.backup.files.get("/etc/backup.password");
  expect(machines.share.files.get("/etc/rsyncd.secrets")).toBe(`backup:${password}`);
});

test("a state that Juju would never let be is a mistake in the test", async () => {
  const given = { relations: [{ endpoint: "guests", app: "backup" }] };
  const fakes = new MemoryMachine();
  await expect(dispatchShare(ShareCharm, "update-status", given, { fakes })).rejects.toThrow(
    'The given state cannot be: the charm defines no endpoint "guests"',
  );
});
