import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UnitPaths } from "../src/agent/config.ts";
import { Journal } from "../src/agent/journal.ts";
import type { Link } from "../src/agent/link.ts";
import { AgentLog } from "../src/agent/log.ts";
import { MachineLock } from "../src/agent/machine-lock.ts";
import { UnitWorker } from "../src/agent/unit-worker.ts";
import type { LogRecord } from "../src/models.ts";

let directory: string;
let path: string;
let troubles: string[];
const open = () => new Journal(path, (text) => troubles.push(text));
const entry = { operationId: "op-1", kind: "run-hook", bootId: "boot" };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ct-journal-"));
  path = join(directory, "state", "journal.json");
  troubles = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("the next agent reads what this one wrote, until it is cleared", () => {
  const journal = open();
  expect(journal.entry).toBeUndefined();
  journal.begin(entry);
  journal.progress({ process: { pid: 7, startedAt: "9" } });
  journal.end({ kind: "success" });
  const written = { ...entry, process: { pid: 7, startedAt: "9" }, outcome: { kind: "success" } };
  expect(open().entry).toEqual(written);
  expect(readdirSync(dirname(path))).toEqual(["journal.json"]);
  journal.clear();
  expect(open().entry).toBeUndefined();
  expect(troubles).toEqual([]);
});

describe("a journal that a power cut tore", () => {
  const torn: [title: string, text: string][] = [
    ["is empty", ""],
    ["ends in the middle", JSON.stringify(entry).slice(0, 20)],
    ["holds zeros", "\0".repeat(64)],
    ["is no entry", "null"],
    ["lacks the operation", '{"kind":"run-hook","bootId":"boot"}'],
  ];
  test.each(torn)("%s: it is moved aside, told, and no entry", (_title, text) => {
    mkdirSync(dirname(path));
    writeFileSync(path, text);
    const journal = open();
    expect(journal.entry).toBeUndefined();
    expect(readFileSync(`${path}.bad`, "utf8")).toBe(text);
    expect(troubles).toEqual([
      expect.stringMatching(/^cannot read the journal ".+" \(.+\): moved to ".+\.bad"/s),
    ]);
    journal.begin(entry);
    expect(open().entry).toEqual(entry);
    expect(troubles).toHaveLength(1);
  });

  test("does not keep a unit's worker from starting, and is in the unit's log", async () => {
    const records: LogRecord[] = [];
    const link = {
      call: (_method: string, params: { records: LogRecord[] }) =>
        Promise.resolve(void records.push(...params.records)),
    } as unknown as Link;
    const paths = new UnitPaths(directory, "tiny/0");
    mkdirSync(dirname(paths.journal), { recursive: true });
    writeFileSync(paths.journal, '{"operationId":"op');
    const log = new AgentLog(link);
    const parts = { link, log, lock: new MachineLock(), dataDir: directory, hookTool: "/bin/true" };
    const worker = new UnitWorker("tiny/0", { ...parts, onReboot: () => undefined });
    await worker.start();
    log.drain();
    await worker.stop();
    expect(records).toMatchObject([
      { entity: "unit-tiny-0", level: "ERROR", message: expect.stringContaining("cannot read the journal") },
    ]);
  });
});
