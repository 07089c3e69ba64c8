import {
  createWriteStream,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ZipFile } from "yazl";
import { isUnpacked, unpackCharm } from "../src/agent/unpack.ts";

let directory: string;
let charmDir: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ct-unpack-"));
  charmDir = join(directory, "charm");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

type Files = Record<string, string | { text: string; mode: number }>;

async function unpack(files: Files, sha256 = "a"): Promise<void> {
  const archive = join(directory, "x.charm");
  const zip = new ZipFile();
  for (const [name, file] of Object.entries(files)) {
    const { text, mode } = typeof file === "string" ? { text: file, mode: 0o100644 } : file;
    if (name.endsWith("/")) zip.addEmptyDirectory(name);
    else zip.addBuffer(Buffer.from(text), name, { mode });
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(archive));
  await unpackCharm({ archive, sha256, charmDir, manifest: join(directory, "state", "manifest.json") });
}
const link = (text: string) => ({ text, mode: 0o120777 });
const has = (name: string) => existsSync(join(charmDir, name));

test("files come with their modes, links as links, empty directories too", async () => {
  await unpack({
    dispatch: { text: "#!/bin/sh\n", mode: 0o100755 },
    "src/charm.py": "x",
    "empty/": "",
    "hooks/install": link("../dispatch"),
  });
  expect(lstatSync(join(charmDir, "dispatch")).mode & 0o777).toBe(0o755);
  expect(lstatSync(join(charmDir, "src/charm.py")).mode & 0o777).toBe(0o644);
  expect(readlinkSync(join(charmDir, "hooks/install"))).toBe("../dispatch");
  expect(lstatSync(join(charmDir, "empty")).isDirectory()).toBe(true);
  expect(isUnpacked(join(directory, "state", "manifest.json"), "a")).toBe(true);
});

test("hooks get the executable bit that they lack, dispatch does not", async () => {
  await unpack({ "hooks/install": "#!/bin/sh\n", dispatch: "#!/bin/sh\n" });
  expect(lstatSync(join(charmDir, "hooks/install")).mode & 0o111).not.toBe(0);
  expect(lstatSync(join(charmDir, "dispatch")).mode & 0o111).toBe(0);
});

test("an upgrade removes files that are gone, and keeps those that the charm made", async () => {
  await unpack({ dispatch: "1", "old/a": "1", "src/keep": "1" });
  writeFileSync(join(charmDir, ".unit-state.db"), "mine");
  writeFileSync(join(charmDir, "src/made"), "mine");
  await unpack({ dispatch: "2", "src/keep": "2" }, "b");
  expect([has("old"), has(".unit-state.db"), has("src/made")]).toEqual([false, true, true]);
  expect(readFileSync(join(charmDir, "src/keep"), "utf8")).toBe("2");
});

test("files of an upgrade that broke off are removed by the next", async () => {
  await unpack({ dispatch: "1" });
  await expect(unpack({ extra: "2", bad: link("/etc/passwd") }, "b")).rejects.toThrow(
    "leaves the charm directory",
  );
  expect(has("extra")).toBe(true);
  await unpack({ dispatch: "3" }, "c");
  expect(has("extra")).toBe(false);
});

test.each(["/etc/passwd", "../../outside", "../x"])("a link to %s is refused", async (target) => {
  await expect(unpack({ l: link(target) })).rejects.toThrow("leaves the charm directory");
});

test("a link that the charm's code made does not carry files elsewhere", async () => {
  await unpack({ dispatch: "1" });
  mkdirSync(join(directory, "outside"));
  symlinkSync(join(directory, "outside"), join(charmDir, "lib"));
  await unpack({ dispatch: "2", "lib/file": "x" }, "b");
  expect(existsSync(join(directory, "outside", "file"))).toBe(false);
  expect(readFileSync(join(charmDir, "lib", "file"), "utf8")).toBe("x");
});
