import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { resolveInLayers, writeAtomic, writeInLayer } from "../src/files.ts";

describe("files of a machine that has not run", () => {
  let top = "";
  let layers = { upper: "", lower: "" };
  beforeEach(async () => {
    top = await mkdtemp(join(tmpdir(), "machines-files-"));
    layers = { upper: join(top, "upper"), lower: join(top, "lower") };
    for (const path of ["upper", "lower/usr/bin", "lower/run", "lower/var"])
      await mkdir(join(top, path), { recursive: true });
    await symlink("usr/bin", join(top, "lower/bin"));
    await symlink("/run", join(top, "lower/var/run"));
    await symlink("../../../../../../etc", join(top, "lower/up"));
  });
  afterEach(() => rm(top, { recursive: true, force: true }));

  test.each([
    ["/bin/tool", "/usr/bin/tool"],
    ["/var/run/x/y", "/run/x/y"],
    ["/up/passwd", "/etc/passwd"],
    ["/../../etc/passwd", "/etc/passwd"],
    ["/new/./place", "/new/place"],
  ])("%s is the machine's %s", async (path, expected) => {
    expect(await resolveInLayers(layers, path)).toBe(expected);
  });

  test("links that go round are refused", async () => {
    await symlink("b", join(layers.lower, "a"));
    await symlink("a", join(layers.lower, "b"));
    await expect(resolveInLayers(layers, "/a/x")).rejects.toThrow("too many symbolic links");
  });

  test("a written file keeps the image's links and its folders' modes", async () => {
    await mkdir(join(layers.lower, "secret"), { mode: 0o700 });
    await writeInLayer(layers, "/bin/tool", "tool", 0o755);
    await writeInLayer(layers, "/secret/deep/x", "x");
    expect(await readFile(join(layers.upper, "usr/bin/tool"), "utf8")).toBe("tool");
    expect((await stat(join(layers.upper, "usr/bin/tool"))).mode & 0o777).toBe(0o755);
    expect((await stat(join(layers.upper, "secret"))).mode & 0o777).toBe(0o700);
    expect((await readdir(layers.upper)).sort()).toEqual(["secret", "usr"]);
  });

  test("a link in the machine's own layer leads nowhere outside it", async () => {
    await writeFile(join(top, "outside"), "safe");
    await symlink(join(top, "outside"), join(layers.upper, "trap"));
    await writeInLayer(layers, "/trap", "written");
    expect(await readFile(join(top, "outside"), "utf8")).toBe("safe");
    expect(await readFile(join(layers.upper, top, "outside"), "utf8")).toBe("written");
  });

  test("an atomic write leaves the whole text and nothing beside it", async () => {
    await writeAtomic(join(top, "f"), "one");
    await writeAtomic(join(top, "f"), "two", 0o600);
    expect(await readFile(join(top, "f"), "utf8")).toBe("two");
    expect((await stat(join(top, "f"))).mode & 0o777).toBe(0o600);
    expect((await readdir(top)).filter((name) => name.startsWith("f"))).toEqual(["f"]);
  });
});
