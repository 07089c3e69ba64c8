/** State on the disk: in which order it is written, by the kernel's record, and what happens where there is no room for it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { onSmallDisk } from "../../../machines/test/small-disk.ts";
import { expectDurable, fileCalls } from "../../../machines/test/system-calls.ts";

const files = JSON.stringify(join(import.meta.dirname, "../src/base/files.ts"));
const scratch = await mkdtemp(join(tmpdir(), "k8sd-durability-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

test("a file is written aside, flushed, renamed, and its folder flushed", async () => {
  const target = join(scratch, "identity.json");
  const source = `import { writeAtomically } from ${files};
for (const text of ["first", "second"]) await writeAtomically(${JSON.stringify(target)}, text);`;
  const calls = await fileCalls(source, scratch);
  expectDurable(calls, target);
  expect(calls.map(({ kind }) => kind).join(" ")).toBe("write sync rename sync write sync rename sync");
  expect(calls.some(({ kind, path }) => kind === "write" && path === target)).toBe(false);
});

test("a file that is deleted stays deleted: its folder is flushed after it", async () => {
  const target = join(scratch, "journal.json");
  const source = `import { removeDurably, writeAtomically } from ${files};
await writeAtomically(${JSON.stringify(target)}, "x"); await removeDurably(${JSON.stringify(target)});`;
  expect((await fileCalls(source, scratch)).slice(-2)).toEqual([
    { kind: "unlink", path: target },
    { kind: "sync", path: scratch },
  ]);
});

test("on a full disk the old state stays whole, nothing half is left, and the file is named with what helps", async () => {
  const source = `import { writeAtomically } from ${files};
const state = folder + "/identity.json";
await writeAtomically(state, "the old one");
fill();
const said = await attempt(() => writeAtomically(state, "n".repeat(50_000)));
const seen = { said, state: fs.readFileSync(state, "utf8"), left: fs.readdirSync(folder).sort() };
free();
await writeAtomically(state, "the new one");
console.log(JSON.stringify({ ...seen, after: fs.readFileSync(state, "utf8") }));`;
  expect(await onSmallDisk(source)).toEqual({
    said: "Cannot write DISK/identity.json: its disk is full; make room there and try again",
    state: "the old one",
    left: ["fill", "identity.json"],
    after: "the new one",
  });
});
