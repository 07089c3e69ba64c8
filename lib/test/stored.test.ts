import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StoredState, fileStore } from "../src/framework/stored.ts";

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

test.each(["", "{", "[]", '{"schema":2}', "\0"])(
  "a file that is not ours is refused and kept: %o",
  (text) => {
    const path = join(folder, "state.json");
    writeFileSync(path, text);
    expect(() => fileStore(path).read()).toThrow();
    expect(readFileSync(path, "utf8")).toBe(text);
  },
);

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
