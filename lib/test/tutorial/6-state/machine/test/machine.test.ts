import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Machine, thisMachine } from "../machine.ts";
import { MemoryMachine } from "../memory.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "machine-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each<[string, () => Machine]>([
  ["this machine", () => thisMachine],
  ["in memory", () => new MemoryMachine()],
])("a machine: %s", (_, make) => {
  let machine: Machine;
  beforeEach(async () => {
    machine = make();
    await machine.makeDirectory(join(folder, "a", "b"));
  });

  test("counts what is below a directory", async () => {
    await machine.write(join(folder, "a", "one"), "12345");
    await machine.write(join(folder, "a", "b", "two"), "678");
    expect(await machine.usage(join(folder, "a"))).toEqual({ files: 2, bytes: 8 });
  });

  test("overwrites, and removes", async () => {
    const path = join(folder, "a", "b", "file");
    await machine.write(path, "long");
    await machine.write(path, "x");
    expect(await machine.usage(join(folder, "a", "b"))).toMatchObject({ bytes: 1 });
    await machine.remove(path);
    await machine.remove(path);
    expect(await machine.usage(join(folder, "a", "b"))).toEqual({ files: 0, bytes: 0 });
  });
});

test("a file gets its mode, also if it had another", async () => {
  const path = join(folder, "secret");
  await thisMachine.write(path, "before");
  await thisMachine.write(path, "after", 0o600);
  expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["after", 0o600]);
});
