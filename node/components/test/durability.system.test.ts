/** The cache on the disk: in which order an entry is written, by the kernel's record, and what happens where there is no room. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { onSmallDisk } from "../../../machines/test/small-disk.ts";
import { expectDurable, fileCalls } from "../../../machines/test/system-calls.ts";

const cache = JSON.stringify(join(import.meta.dirname, "../src/cache.ts"));
const scratch = await mkdtemp(join(tmpdir(), "components-durability-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

test("an entry gets its name after every byte of it, its record and its folders are flushed", async () => {
  const source = `import { cacheEntry } from ${cache};
import fs from "node:fs";
await cacheEntry({ directory: ${JSON.stringify(scratch)}, key: "abc", subject: "x", make: async (into) => {
  fs.mkdirSync(into + "/bin");
  for (const name of ["bin/one", "bin/two"]) fs.writeFileSync(into + "/" + name, name);
  return {};
} });`;
  const calls = (await fileCalls(source, scratch)).filter(({ path }) => !path.includes(".locks"));
  const named = calls.findIndex(({ to }) => to === join(scratch, "abc"));
  const place = calls[named]?.path ?? "";
  const before = calls.slice(0, named).map(({ kind, path }) => `${kind} ${path}`);
  for (const name of ["bin/one", "bin/two"])
    expect(before.indexOf(`sync ${place}/${name}`)).toBeGreaterThan(before.indexOf(`write ${place}/${name}`));
  for (const folder of [`${place}/bin`, place]) expect(before).toContain(`sync ${folder}`);
  expectDurable(calls.slice(0, named), `${place}/entry.json`);
  expect(calls.slice(named + 1).map(({ kind, path }) => `${kind} ${path}`)).toContain(`sync ${scratch}`);
});

test("on a full disk an entry is not there, what was there stays, and the next attempt makes it", async () => {
  const source = `import { cacheEntry } from ${cache};
const entry = (key, size) => cacheEntry({ directory: folder + "/cache", key, subject: key, make: async (into) => {
  fs.writeFileSync(into + "/tool", "t".repeat(size));
  return {};
} });
await entry("old", 10);
fill();
const said = await attempt(() => entry("new", 60_000));
const left = fs.readdirSync(folder + "/cache").filter((name) => name !== ".locks");
const old = (await entry("old", 10)).cached;
free();
const again = await attempt(() => entry("new", 60_000));
console.log(JSON.stringify({ said, left, old, again, found: (await entry("new", 1)).cached }));`;
  expect(await onSmallDisk(source)).toEqual({
    said: "Cannot write DISK/cache/new: its disk is full; make room there and run it again",
    left: ["old"],
    old: true,
    again: "done",
    found: true,
  });
});
