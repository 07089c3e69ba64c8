import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ModelEvent, ModelState, RecordedEvent, StatusKind } from "@cantrip/model";
import { createModel } from "@cantrip/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ApiError } from "../src/facade.ts";
import { BlobStore } from "../src/store/blob-store.ts";
import { openDatabase, openLogDatabase } from "../src/store/database.ts";
import { EventLog } from "../src/store/event-log.ts";
import { historyOf } from "../src/store/history.ts";
import { LogSink } from "../src/store/log-sink.ts";
import { seal, SecretVault, unseal } from "../src/store/secret-vault.ts";

const config = (n: number): ModelEvent => ({ type: "model-config-set", set: { n }, reset: [] });
const cause = { by: "user", user: "user-admin", command: "set-model-config" } as const;
const at = (time: number, ...events: ModelEvent[]): RecordedEvent[] =>
  events.map((event) => ({ at: time, cause, event }));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ct-store-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function newLog(): { log: EventLog; db: ReturnType<typeof openDatabase>; genesis: ModelState } {
  const db = openDatabase(join(directory, "model.db"));
  const log = new EventLog(db);
  const genesis = createModel({
    uuid: "11111111-1111-4111-8111-111111111111",
    name: "m",
    owner: "admin",
    now: 1,
  });
  log.addModel({ uuid: genesis.uuid, name: "m", owner: "admin", createdAt: 1, genesis });
  return { log, db, genesis };
}

describe("event log", () => {
  test("gives back what was appended, in order and with its cause", () => {
    const { log, genesis } = newLog();
    log.append(genesis.uuid, at(5, config(1), config(2)));
    const events = [...log.load(genesis.uuid).events];
    expect(events.map((e) => e.event)).toEqual([config(1), config(2)]);
    expect(events[0]).toMatchObject({ at: 5, cause });
  });

  test("keeps nothing of a command whose transaction fails", () => {
    const { log, genesis } = newLog();
    const fail = () => {
      throw new Error("no room");
    };
    expect(() => log.append(genesis.uuid, at(5, config(1)), fail)).toThrow("no room");
    expect([...log.load(genesis.uuid).events]).toEqual([]);
  });

  test("replays from the newest snapshot", () => {
    const { log, genesis } = newLog();
    const [first] = log.append(genesis.uuid, at(5, config(1)));
    log.saveSnapshot(genesis.uuid, first?.seq ?? 0, 6, { ...genesis, config: { n: 1 } });
    log.append(genesis.uuid, at(7, config(2)));
    const { snapshot, events } = log.load(genesis.uuid);
    expect(snapshot?.state.config).toEqual({ n: 1 });
    expect([...events].map((e) => e.event)).toEqual([config(2)]);
  });

  test("drops old events only as far as a snapshot covers them, and says so", () => {
    const { log, genesis } = newLog();
    const seqs = [1, 2, 3, 4].map((n) => log.append(genesis.uuid, at(n, config(n)))[0]?.seq ?? 0);
    expect(log.compact(genesis.uuid, 100, { maxAgeMs: 0, maxEvents: 1 })).toBe(0);
    log.saveSnapshot(genesis.uuid, seqs[2] ?? 0, 5, genesis);
    expect(log.compact(genesis.uuid, 100, { maxAgeMs: 1_000, maxEvents: 2 })).toBe(2);
    expect(log.compactedTo(genesis.uuid)).toBe(seqs[1]);
    expect(log.compact(genesis.uuid, 100, { maxAgeMs: 0, maxEvents: 2 })).toBe(1);
    expect(log.query(genesis.uuid).map((e) => e.event)).toEqual([config(4)]);
  });

  test("answers with the newest statuses of an entity, oldest first, and says when older ones are gone", () => {
    const { log, genesis } = newLog();
    const said = (unit: string, time: number) => {
      const status = { status: "active", message: `${time}`, since: time } as const;
      const [logged] = log.append(
        genesis.uuid,
        at(time, { type: "unit-status-set", unit, status, byCharm: true }, config(time)),
      );
      return logged?.seq ?? 0;
    };
    const seqs = [1, 2, 3, 4].map((time) => said("a/0", time));
    said("a/1", 5);
    const statuses = (query: { limit?: number; since?: number; kind?: "juju-unit" }) => {
      const { kind = "workload", ...rest } = query;
      return historyOf(log).statuses(genesis.uuid, { entity: "a/0", kinds: [kind], ...rest });
    };
    const times = (query: Parameters<typeof statuses>[0]) => statuses(query).entries.map((entry) => entry.at);
    expect(times({ limit: 2 })).toEqual([3, 4]);
    expect(times({ since: 2 })).toEqual([2, 3, 4]);
    expect(times({ kind: "juju-unit" })).toEqual([]);
    expect(statuses({}).compacted).toBe(false);
    log.saveSnapshot(genesis.uuid, seqs[1] ?? 0, 6, genesis);
    log.compact(genesis.uuid, 100, { maxAgeMs: 98, maxEvents: 1_000 });
    expect(times({})).toEqual([2, 3, 4]);
    expect(statuses({}).compacted).toBe(true);
  });

  test("statuses begin when a unit is added, and the limit counts those of the asked kinds", () => {
    const { log, genesis } = newLog();
    const added = { application: "a", machine: "0", charmUrl: "local:a-0" };
    for (const [time, unit] of [
      [3, "a/0"],
      [4, "a/1"],
    ] as const)
      log.append(genesis.uuid, at(time, { type: "unit-added", unit, ...added, at: time }));
    const status = { status: "active", message: "", since: 5 } as const;
    log.append(genesis.uuid, at(5, { type: "unit-status-set", unit: "a/0", status, byCharm: true }));
    const statuses = (kinds: readonly StatusKind[], limit: number) =>
      historyOf(log)
        .statuses(genesis.uuid, { entity: "a/0", kinds, limit })
        .entries.map((entry) => `${entry.at} ${entry.kind} ${entry.status}`);
    expect(statuses(["workload"], 9)).toEqual(["3 workload waiting", "5 workload active"]);
    expect(statuses(["juju-unit"], 9)).toEqual(["3 juju-unit allocating"]);
    expect(statuses(["workload", "juju-unit"], 2)).toEqual(["3 workload waiting", "5 workload active"]);
  });

  test("a removed model leaves no rows", () => {
    const { log, db, genesis } = newLog();
    log.append(genesis.uuid, at(5, config(1)));
    log.removeModel(genesis.uuid);
    expect(db.prepare("SELECT count(*) AS n FROM events").get()).toEqual({ n: 0 });
    expect(log.models()).toEqual([]);
  });

  test("refuses a file of another schema", () => {
    newLog().db.exec("PRAGMA user_version=99");
    expect(() => openDatabase(join(directory, "model.db"))).toThrow("its schema is 99");
  });

  test("has every command that was answered before a kill, whole", async () => {
    newLog().db.close();
    const seen = await appendUntilKilled(join(directory, "model.db"), 40);
    const db = openDatabase(join(directory, "model.db"));
    const rows = db
      .prepare(
        "SELECT json_extract(event, '$.set.n') AS n, count(*) AS parts FROM events GROUP BY n ORDER BY n",
      )
      .all();
    expect(rows.length).toBeGreaterThanOrEqual(seen);
    expect(rows.every(({ parts }) => parts === 3)).toBe(true);
    expect(rows.map(({ n }) => n)).toEqual(rows.map((_, i) => i));
  });
});

/** @returns how many commands the child had been answered for when it was killed */
function appendUntilKilled(path: string, commands: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "support", "append-forever.ts"), path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let seen = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString().split("\n").length - 1;
    if (seen >= commands) child.kill("SIGKILL");
  });
  return new Promise((resolve) => child.on("close", () => resolve(seen)));
}

describe("secret vault", () => {
  const model = "m";
  const open = () => {
    const db = openDatabase(join(directory, "model.db"));
    return { db, vault: new SecretVault(db, Buffer.alloc(32, 7)) };
  };

  test("reads back what was sealed, and the file has none of it in clear", () => {
    const { db, vault } = open();
    vault.write(model, "s1", "c1", { password: "hunter2-hunter2" });
    expect(vault.read(model, "c1")).toEqual({ password: "hunter2-hunter2" });
    const rows = JSON.stringify(db.prepare("SELECT hex(sealed) AS h FROM secret_contents").all());
    expect(rows).not.toContain(Buffer.from("hunter2").toString("hex").toUpperCase());
  });

  test("a secret that the model no longer has is destroyed with its key", () => {
    const { db, vault } = open();
    vault.write(model, "s1", "c1", { a: "1" });
    vault.write(model, "s2", "c2", { a: "2" });
    vault.retain(model, new Set(["s2"]), new Set(["c2"]));
    expect(() => vault.read(model, "c1")).toThrow("not found");
    expect(vault.read(model, "c2")).toEqual({ a: "2" });
    expect(db.prepare("SELECT count(*) AS n FROM secret_keys").get()).toEqual({ n: 1 });
  });

  test("equal contents have equal checksums, whatever the order of their keys", () => {
    const { vault } = open();
    const [one, two, other] = [
      { a: "1", b: "2" },
      { b: "2", a: "1" },
      { a: "1", b: "3" },
    ].map((c) => vault.describe(c).checksum);
    expect(one).toBe(two);
    expect(one).not.toBe(other);
  });

  test.each([
    ["another key", Buffer.alloc(32, 8), "x"],
    ["another subject", Buffer.alloc(32, 7), "y"],
  ])("does not open with %s", (_what, key, subject) => {
    const sealed = seal(Buffer.alloc(32, 7), "text", "x");
    expect(() => unseal(key, sealed, subject)).toThrow();
  });
});

describe("blobs", () => {
  test("are kept by digest, and only whole", async () => {
    const blobs = new BlobStore(directory);
    const { sha256, size } = await blobs.put(Readable.from([Buffer.from("hello")]));
    expect(sha256).toBe("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    expect([size, statSync(blobs.path(sha256)).size]).toEqual([5, 5]);
    await expect(blobs.put(Readable.from([Buffer.from("bye")]), { sha256 })).rejects.toThrow(
      "expected 2cf24d",
    );
    await expect(blobs.put(Readable.from([Buffer.from("too long")]), { maxBytes: 3 })).rejects.toBeInstanceOf(
      ApiError,
    );
    blobs.retain(new Set());
    expect(blobs.has(sha256)).toBe(false);
  });

  test.each(["../../etc/passwd", "", "ABC", "2cf2"])("%j is no name of a blob", (name) => {
    const blobs = new BlobStore(directory);
    expect(blobs.has(name)).toBe(false);
    expect(() => blobs.path(name)).toThrow(ApiError);
  });
});

describe("debug log", () => {
  const record = (message: string, level: "DEBUG" | "ERROR" = "DEBUG", entity = "unit-web-0") => ({
    at: 1,
    entity,
    module: "unit.web/0.install",
    level,
    message,
  });

  test("is filtered by level, entity and module, newest lines last", () => {
    const sink = new LogSink(openLogDatabase(join(directory, "logs.db")));
    sink.append("m", [record("a"), record("b", "ERROR"), record("c", "ERROR", "machine-0")]);
    const messages = (filter: object, limit?: number) => sink.query("m", filter, limit).map((r) => r.message);
    expect(messages({})).toEqual(["a", "b", "c"]);
    expect(messages({}, 2)).toEqual(["b", "c"]);
    expect(messages({ level: "ERROR" })).toEqual(["b", "c"]);
    expect(messages({ includeEntity: ["web/0"] })).toEqual(["a", "b"]);
    expect(messages({ includeEntity: ["unit-web*"] })).toEqual(["a", "b"]);
    expect(messages({ excludeEntity: ["0"] })).toEqual(["a", "b"]);
    expect(messages({ includeModule: ["unit.other"] })).toEqual([]);
    expect(sink.query("other")).toEqual([]);
  });

  test("is bounded", () => {
    const sink = new LogSink(openLogDatabase(join(directory, "logs.db")), { maxRecords: 3 });
    for (const message of ["1", "2", "3", "4", "5"]) {
      sink.append("m", [record(message)]);
      sink.flush();
    }
    expect(sink.query("m").map((r) => r.message)).toEqual(["3", "4", "5"]);
  });

  test("is followed live until one stops", () => {
    const sink = new LogSink(openLogDatabase(join(directory, "logs.db")));
    const heard: string[] = [];
    const stop = sink.follow("m", { level: "ERROR" }, (r) => heard.push(r.message));
    sink.append("m", [record("a"), record("b", "ERROR")]);
    stop();
    sink.append("m", [record("c", "ERROR")]);
    expect(heard).toEqual(["b"]);
    sink.flush();
  });
});
