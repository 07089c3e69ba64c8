/** What the log of a model never holds: contents of secrets, whichever way a unit commits them. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModel, type HookChanges } from "@cantrip/model";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Model } from "../src/live/live-model.ts";
import { openDatabase } from "../src/store/database.ts";
import { EventLog } from "../src/store/event-log.ts";
import { SecretVault } from "../src/store/secret-vault.ts";
import { tiny } from "./facades/memory.ts";
import { FakeClock } from "./support/fake-clock.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ct-live-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a secret that a juju-exec adds is sealed, and its content is in no event", async () => {
  const uuid = "11111111-1111-4111-8111-111111111111";
  const db = openDatabase(join(directory, "model.db"));
  const [log, vault] = [new EventLog(db), new SecretVault(db, randomBytes(32))];
  const genesis = createModel({ uuid, name: "m", owner: "admin", now: 1 });
  log.addModel({ uuid, name: "m", owner: "admin", createdAt: 1, genesis });
  const model = new Model(genesis, { log, vault, clock: new FakeClock(), onFatal: () => undefined });
  const by = { by: "user" } as const;
  await model.execute({ type: "add-charm", charm: tiny }, by);
  const base = { name: "ubuntu", channel: "24.04" };
  await model.execute({ type: "deploy", application: "tiny", charmUrl: tiny.url, units: 1, base }, by);
  const changes: HookChanges = {
    relations: {},
    state: { set: {}, delete: [] },
    ports: { open: [], close: [] },
    secrets: [{ kind: "add", id: "0123456789abcdefghij", owner: "unit", content: { word: "s3cret" } }],
  };
  await model.execute({ type: "commit-exec", unit: "tiny/0", changes }, { by: "agent" });
  const [secret] = Object.values(model.state.secrets);
  expect(vault.read(uuid, secret?.revisions[0]?.contentId ?? "")).toEqual({ word: "s3cret" });
  expect(JSON.stringify([...log.load(uuid).events])).not.toContain("s3cret");
  model.close();
  db.close();
});
