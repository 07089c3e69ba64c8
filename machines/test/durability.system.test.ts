/** What machines write down: in which order, by the kernel's record, and what happens where there is no room. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { onSmallDisk } from "./small-disk.ts";
import { expectDurable, fileCalls } from "./system-calls.ts";

const file = (name: string) => JSON.stringify(join(import.meta.dirname, "../src", name));
const scratch = await mkdtemp(join(tmpdir(), "machines-durability-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

const record = (name: string, more = "") =>
  `{ schema: 1, name: ${JSON.stringify(name)}, address: "10.0.0.1", machineId: "a", createdAt: "", desired: "down", image: "/nowhere", binds: [], limits: {}${more} }`;

test("a record is written aside, flushed, renamed, and its folder flushed", async () => {
  const target = join(scratch, "host-changes.json");
  const source = `import { writeAtomic } from ${file("files.ts")}; await writeAtomic(${JSON.stringify(target)}, "x");`;
  expectDurable(await fileCalls(source, scratch), target);
});

test("a machine gets its name after its record and its files are flushed", async () => {
  const source = `import { MachineStore } from ${file("store.ts")};
const store = new MachineStore(${JSON.stringify(scratch)}, "x");
await store.prepare();
await store.add(${record("one")}, [{ path: "/etc/motd", content: "hi" }]);`;
  const calls = await fileCalls(source, scratch);
  const named = calls.findIndex(({ to }) => to === join(scratch, "by-name/one"));
  const draft = calls[named]?.path ?? "";
  const before = calls.slice(0, named).map(({ kind, path }) => `${kind} ${path}`);
  for (const path of ["upper/etc/motd", "upper/etc/hostname"])
    expect(before).toContain(`sync ${draft}/${path}`);
  expectDurable(calls.slice(0, named), `${draft}/machine.json`);
  expect(calls.slice(named + 1)).toContainEqual({ kind: "sync", path: join(scratch, "by-name") });
});

test("on a full disk there is no half machine, the others stay, and the file is named with what helps", async () => {
  const source = `import { MachineStore } from ${file("store.ts")};
const store = new MachineStore(folder, "x");
await store.prepare();
await store.add(${record("old")}, []);
fill();
const said = await attempt(() => store.add(${record("new")}, [{ path: "/etc/motd", content: "x".repeat(50_000) }]));
const saved = await attempt(() => store.save(${record("old", ', filler: "x".repeat(50_000)')}));
const names = (await store.records()).map(({ name }) => name);
console.log(JSON.stringify({ said: said.replace(/[.]new-new-[0-9a-f]+/, ".new"), saved, names, left: fs.readdirSync(store.machinesDir) }));`;
  expect(await onSmallDisk(source)).toEqual({
    said: "Cannot write DISK/by-name/.new/upper/etc/hostname: its disk is full; make room there and try again",
    saved: "Cannot write DISK/by-name/old/machine.json: its disk is full; make room there and try again",
    names: ["old"],
    left: ["old"],
  });
});
