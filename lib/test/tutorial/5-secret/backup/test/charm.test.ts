import { expect, test } from "vitest";
import { dispatcher } from "@cantrip/lib/testing";
import { MemoryMachine } from "../../machine/memory.ts";
import { BackupCharm } from "../src/charm.ts";

const dispatch = dispatcher(new URL("..", import.meta.url));
const id = "csecretoftheshare001";
const units = { "share/0": { address: "192.0.2.7", port: "873", module: "backup" } };
const appData = { "secret-id": `secret:${id}` };
const secret = { id, label: "share", content: { password: "first" } };
const ready = { relations: [{ endpoint: "share", units, appData }], secrets: [secret] };

test("without a share the operator is asked for one", async () => {
  const then = await dispatch(BackupCharm, "install", {}, { fakes: new MemoryMachine() });
  expect(then.status).toBe('blocked: integrate "share" with an application');
});

test("the leader asks, and waits for an answer", async () => {
  const given = { leader: true, relations: [{ endpoint: "share", app: "share" }] };
  const then = await dispatch(BackupCharm, "share-relation-created", given, { fakes: new MemoryMachine() });
  expect(then.relations[0]?.ownAppData).toEqual({ access: "write" });
  expect(then.status).toBe('waiting: "secret-id" from share in share:0');
});

test("with a share the copy is scheduled, until the relation ends", async () => {
  const machine = new MemoryMachine();
  const then = await dispatch(BackupCharm, "share-relation-changed", ready, { fakes: machine });
  expect(machine.files.get("/etc/cron.d/backup")).toContain(
    "/etc/ rsync://backup@192.0.2.7:873/backup/backup-0/\n",
  );
  expect(machine.files.get("/etc/backup.password")).toBe("first\n");
  expect(then.status).toBe("active");
  const after = await dispatch(BackupCharm, "share-relation-broken", then, { fakes: machine });
  expect([after.status, machine.files.size]).toEqual(['blocked: integrate "share" with an application', 0]);
});

test("a new password is taken over", async () => {
  const machine = new MemoryMachine();
  const given = { ...ready, secrets: [{ ...secret, latest: { password: "second" } }] };
  await dispatch(BackupCharm, "config-changed", given, { fakes: machine });
  expect(machine.files.get("/etc/backup.password")).toBe("first\n");
  await dispatch(BackupCharm, "secret-changed", given, { fakes: machine });
  expect(machine.files.get("/etc/backup.password")).toBe("second\n");
});
