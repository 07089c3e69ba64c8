import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Charm } from "@cantrip/lib";
import { dispatch } from "@cantrip/lib/testing";
import { StoredState, fileStore } from "../src/framework/stored.ts";
import { definitionOfCharm } from "./harness/world.ts";

const definition = await definitionOfCharm("contract");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stored-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("what is written is found again, by this owner only", () => {
  const path = join(folder, "state.json");
  const data = {
    values: { a: [1, { b: null }] },
    notices: [{ event: "start", observer: "x", snapshot: {} }],
  };
  fileStore(path).write(data);
  expect(fileStore(path).read()).toEqual(data);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["state.json"]);
});

test("nothing was stored yet", () => {
  expect(fileStore(join(folder, "none")).read()).toEqual({ values: {}, notices: [] });
});

test.each(["", "{", "[]", "null", '{"schema":2}', "\0"])(
  "a file that is not ours is refused and kept: %o",
  (text) => {
    const path = join(folder, "state.json");
    writeFileSync(path, text);
    expect(() => fileStore(path).read()).toThrow(`Cannot read ${path}: expected `);
    expect(readFileSync(path, "utf8")).toBe(text);
  },
);

test("what does not fit on the disk is an error, and the old state stays", () => {
  const path = join(folder, "state.json");
  const data = { values: { a: 1 }, notices: [] };
  fileStore(path).write(data);
  const module = new URL("../src/framework/stored.ts", import.meta.url).href;
  const program = `import { fileStore } from ${JSON.stringify(module)};
fileStore(${JSON.stringify(path)}).write({ values: { a: "x".repeat(20_000) }, notices: [] });`;
  // A limit on files meets a write as a disk does that is nearly full: it takes a part.
  const { status, stderr } = spawnSync(
    "sh",
    ["-c", 'ulimit -f 8; exec "$0" --input-type=module -e "$1"', process.execPath, program],
    { encoding: "utf8" },
  );
  expect([status, stderr]).toEqual([1, expect.stringContaining("EFBIG")]);
  expect(fileStore(path).read()).toEqual(data);
});

test("stored values are copies, and only a difference is a change", () => {
  const stored = new StoredState({ list: [1] });
  const list = stored.get<number[]>("list");
  list?.push(2);
  stored.set("list", [1]);
  stored.delete("none");
  expect([stored.get("list"), stored.isDirty]).toEqual([[1], false]);
  stored.set("list", [2]);
  expect([stored.get("list"), stored.isDirty]).toEqual([[2], true]);
});

test("a default is kept once, and gives what is there", () => {
  const stored = new StoredState({ seen: 3 });
  const [seen, names]: [number, string[]] = [stored.setDefault("seen", 0), stored.setDefault("names", ["a"])];
  expect([seen, names, stored.isDirty]).toEqual([3, ["a"], true]);
  stored.set("names", []);
  stored.set("none", null);
  expect([stored.setDefault("names", ["b"]), stored.setDefault("none", 1)]).toEqual([[], null]);
});

test("scopes keep out of each other's way, and are stored together", () => {
  const stored = new StoredState({ count: 1, "db/count": 2, "db/inner/count": 3 });
  const db = stored.scope("db");
  const counts = () => [stored, db, db.scope("inner"), stored.scope("d")].map((one) => one.get("count"));
  expect(counts()).toEqual([1, 2, 3, undefined]);
  db.delete("count");
  db.scope("inner").set("count", 4);
  expect([counts(), stored.isDirty, db.toJSON()]).toEqual([
    [1, undefined, 4, undefined],
    true,
    { "inner/count": 4 },
  ]);
  expect(stored.toJSON()).toEqual({ count: 1, "db/inner/count": 4 });
});

test("a key cannot reach into a scope", () => {
  const stored = new StoredState({ "db/count": 1 });
  for (const act of [
    () => stored.get("db/count"),
    () => stored.set("db/count", 2),
    () => stored.scope("a/b"),
  ])
    expect(act).toThrow('a "/" stands between a scope and its keys');
});

const circle: Record<string, unknown> = {};
circle["itself"] = circle;

test.each([Number.NaN, Infinity, new Map(), new Date(0), [1, undefined], { a: { b: Number.NaN } }, circle])(
  "what JSON cannot say is refused, in a charm and in a test's state: %o",
  async (value) => {
    const state = new StoredState({ a: 1 });
    expect(() => state.set("a", value as never)).toThrow(TypeError);
    expect([state.get("a"), state.isDirty]).toEqual([1, false]);
    const run = dispatch(Charm as never, "start", { stored: { a: value as never } }, { definition });
    await expect(run).rejects.toThrow('stored "a" is nothing that JSON can say');
  },
);
