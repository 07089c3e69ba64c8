import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { goToolchain, isAtLeast, NoToolchainError } from "../src/toolchain.ts";
import { components, moduleDir, oldestGo } from "../src/versions.ts";

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(path.join(tmpdir(), "cantrip-toolchain-test-"))));
afterEach(async () => await rm(scratch, { recursive: true, force: true }));

/** A "go" that only says its version. */
async function fakeGo(name: string, version: string): Promise<string> {
  const folder = path.join(scratch, name);
  await mkdir(folder);
  await writeFile(path.join(folder, "go"), `#!/bin/sh\necho ${version}\n`);
  await chmod(path.join(folder, "go"), 0o755);
  return folder;
}

test.each([
  ["go1.26.8", "1.26.6", true],
  ["go1.26.6", "1.26.6", true],
  ["go1.26", "1.26.6", false],
  ["go1.19.8", "1.26", false],
  ["go1.30rc1", "1.26.6", true],
  ["go2.0", "1.26.6", true],
])("%s is at least %s: %s", (version, oldest, expected) => {
  expect(isAtLeast(version, oldest)).toBe(expected);
});

describe("the toolchain", () => {
  test("is the first on the path that is new enough", async () => {
    const searchPath = [
      await fakeGo("old", "go1.19.8"),
      await fakeGo("new", "go1.99.1"),
      await fakeGo("newer", "go1.99.2"),
    ];
    const found = await goToolchain({ cacheDir: scratch, searchPath });
    expect(found).toEqual({ go: path.join(scratch, "new/go"), version: "go1.99.1" });
  });

  test("is missing with the name of the package to install", async () => {
    const attempt = goToolchain({ cacheDir: scratch, searchPath: [path.join(scratch, "nowhere")] });
    await expect(attempt).rejects.toThrow(NoToolchainError);
    await expect(attempt).rejects.toThrow('"apt-get install golang-go"');
  });
});

test("every component's go.mod is satisfied by the oldest Go that is accepted", async () => {
  for (const { kind, name } of components) {
    if (kind !== "go") continue;
    const goMod = await readFile(path.join(moduleDir(name), "go.mod"), "utf8");
    expect(isAtLeast(oldestGo, /^go (\S+)$/m.exec(goMod)?.[1] ?? "none"), name).toBe(true);
  }
});
