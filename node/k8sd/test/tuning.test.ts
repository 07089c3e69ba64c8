/** Limits of the machine, on a machine of folders. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pathsBelow, type Paths } from "../src/base/paths.ts";
import { MARK, retune, tune, untune } from "../src/node/tuning.ts";

const OURS = "99-zz-k8s.conf";
let paths: Paths;
const at = (name: string) => join(paths.sysctl, name);
const text = (name = OURS) => readFile(at(name), "utf8");
const kernel = (name: string) => join(paths.root, "proc/sys/fs/inotify", name);
const expected = (instances: number, watches: number) =>
  `${MARK}\nfs.inotify.max_user_instances = ${instances}\nfs.inotify.max_user_watches = ${watches}\n`;

beforeEach(async () => {
  paths = pathsBelow(await mkdtemp(join(tmpdir(), "k8sd-tuning-")));
  await mkdir(paths.sysctl, { recursive: true });
  await mkdir(kernel(""), { recursive: true });
  await writeFile(kernel("max_user_instances"), "128\n");
  await writeFile(kernel("max_user_watches"), "2000000\n");
});
afterEach(() => rm(paths.root, { recursive: true }));

test("limits are raised now and for the next boot, and none is lowered", async () => {
  await tune(paths);
  expect(await text()).toBe(expected(1024, 2_000_000));
  expect(await readFile(kernel("max_user_instances"), "utf8")).toBe("1024");
  expect(await readFile(kernel("max_user_watches"), "utf8")).toBe("2000000\n");
});

test("our file is read after those of the machine, and keeps what they set higher", async () => {
  await writeFile(
    at("99-sysctl.conf"),
    "fs.inotify.max_user_instances=8192\nfs/inotify/max_user_watches = 5\n",
  );
  await writeFile(at("100-k8s.conf"), "# fs.inotify.max_user_instances = 9000\nvm.swappiness = 1\n");
  await symlink("/nowhere", at("50-link.conf"));
  await tune(paths);
  expect((await readdir(paths.sysctl)).sort().at(-1)).toBe(OURS);
  expect(await text()).toBe(expected(8192, 2_000_000));
});

describe("a file without our mark", () => {
  const theirs = "fs.inotify.max_user_instances = 1\n";
  test.each(["10-k8s.conf", OURS])("%s is neither replaced nor deleted", async (name) => {
    await writeFile(at(name), theirs);
    await tune(paths);
    expect(await text(name)).toBe(theirs);
    await untune(paths);
    expect(await readdir(paths.sysctl)).toEqual([name]);
    expect(await text(name)).toBe(theirs);
  });

  test("is whose first line is another", async () => {
    await writeFile(at(OURS), `# mine\n${MARK}\n`);
    await untune(paths);
    expect(await text()).toContain("# mine");
  });
});

test("what was taken is given back, and what it was given back from stays so", async () => {
  await tune(paths);
  await untune(paths);
  await untune(paths);
  await retune(paths);
  expect(await readdir(paths.sysctl)).toEqual([]);
});

describe("at the start of the daemon", () => {
  test("it is done again where it was done", async () => {
    await tune(paths);
    await writeFile(kernel("max_user_instances"), "128\n");
    await writeFile(at("60-other.conf"), "fs.inotify.max_user_instances = 4096\n");
    await retune(paths);
    expect(await text()).toBe(expected(4096, 2_000_000));
    expect(await readFile(kernel("max_user_instances"), "utf8")).toBe("4096");
  });

  test("it is not where an operator declined it", async () => {
    await retune(paths);
    expect(await readdir(paths.sysctl)).toEqual([]);
    expect(await readFile(kernel("max_user_instances"), "utf8")).toBe("128\n");
  });
});

test("the package's `remove` knows the mark", async () => {
  const script = await readFile(new URL("../../package/tree/remove", import.meta.url), "utf8");
  expect(script).toContain(`'${MARK}'`);
});
