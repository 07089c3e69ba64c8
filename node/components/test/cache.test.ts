import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cacheEntry, type CacheOptions } from "../src/cache.ts";
import { LockTimeoutError, withLock } from "../src/lock.ts";

let directory: string;
const children: ChildProcess[] = [];
beforeEach(async () => void (directory = await mkdtemp(path.join(tmpdir(), "cantrip-cache-test-"))));
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

let made = 0;
beforeEach(() => void (made = 0));
const options = (more: Partial<CacheOptions> = {}): CacheOptions => ({
  directory,
  key: "abc",
  subject: "a test entry",
  make: async (into) => {
    made += 1;
    await mkdir(path.join(into, "bin"));
    await writeFile(path.join(into, "bin/tool"), "tool");
    return { version: "1" };
  },
  ...more,
});

/** A process that runs a piece of code on this house and says "ready" when it holds what it should hold. */
async function helper(code: string): Promise<ChildProcess> {
  const imports = ["cache", "lock"].map(
    (name) =>
      `import * as ${name} from ${JSON.stringify(new URL(`../src/${name}.ts`, import.meta.url).href)};`,
  );
  const child = spawn(process.execPath, ["--input-type=module", "-e", `${imports.join("\n")}\n${code}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  await once(child.stdout as NodeJS.ReadableStream, "data");
  return child;
}

test("an entry is made once and then found", async () => {
  const first = await cacheEntry(options());
  const second = await cacheEntry(options());
  expect([first.cached, second.cached, made]).toEqual([false, true, 1]);
  expect(second.files.map((file) => file.path)).toEqual(["bin/tool"]);
  expect(second.facts).toEqual({ version: "1" });
});

test("many who ask at once get one entry", async () => {
  const entries = await Promise.all(Array.from({ length: 5 }, () => cacheEntry(options())));
  expect(made).toBe(1);
  expect(new Set(entries.map((entry) => entry.directory)).size).toBe(1);
});

test("a failed attempt leaves nothing and can be repeated", async () => {
  const make = async (into: string): Promise<never> => {
    await writeFile(path.join(into, "half"), "half");
    throw new Error("no more disk");
  };
  await expect(cacheEntry(options({ make }))).rejects.toThrow("no more disk");
  expect((await readdir(directory)).filter((name) => name !== ".locks")).toEqual([]);
  expect((await cacheEntry(options())).cached).toBe(false);
});

test("a changed file is refused, and the entry made again", async () => {
  const { directory: place } = await cacheEntry(options());
  await writeFile(path.join(place, "bin/tool"), "evil");
  const refused: string[] = [];
  const again = await cacheEntry(options({ onRefused: (reason) => refused.push(reason) }));
  expect(refused[0]).toContain("bin/tool has SHA-256");
  expect(again.cached).toBe(false);
  expect(await readFile(path.join(place, "bin/tool"), "utf8")).toBe("tool");
});

test("a changed file that keeps its size and time is found by a full check", async () => {
  const { directory: place } = await cacheEntry(options());
  const file = path.join(place, "bin/tool");
  const record = JSON.parse(await readFile(path.join(place, "entry.json"), "utf8")) as {
    files: { mtimeNs: string }[];
  };
  await writeFile(file, "evil");
  const seconds = Number(BigInt(record.files[0]?.mtimeNs ?? 0) / 1_000n) / 1e6;
  await utimes(file, seconds, seconds);
  expect((await cacheEntry(options({ full: true }))).cached).toBe(false);
  expect(await readFile(file, "utf8")).toBe("tool");
});

test("a touched file with the same bytes is taken", async () => {
  const { directory: place } = await cacheEntry(options());
  await utimes(path.join(place, "bin/tool"), 1, 1);
  expect((await cacheEntry(options())).cached).toBe(true);
});

test.each(["../x", "", "a/b", ".locks", "A"])("the key %j is refused", async (key) => {
  await expect(cacheEntry(options({ key }))).rejects.toThrow(TypeError);
});

test("a builder that is killed in the middle leaves no entry, and the next one cleans up after it", async () => {
  const child = await helper(`
    await cache.cacheEntry({ directory: ${JSON.stringify(directory)}, key: "abc", subject: "x", make: async (into) => {
      (await import("node:fs")).writeFileSync(into + "/half", "half");
      console.log("ready");
      await new Promise((done) => setTimeout(done, 60_000));
    } });`);
  expect((await readdir(directory)).some((name) => name.startsWith(".new-abc."))).toBe(true);
  child.kill("SIGKILL");
  await once(child, "exit");
  const entry = await cacheEntry(options());
  expect(entry.files.map((file) => file.path)).toEqual(["bin/tool"]);
  expect((await readdir(directory)).sort()).toEqual([".locks", "abc"]);
});

/** Makes the entry "abc" of many files, slowly enough to be killed in every step of it. */
const maker = (place: string) => `
console.log("ready");
const entry = await cache.cacheEntry({ directory: ${JSON.stringify(place)}, key: "abc", subject: "x",
  onWait: (holder) => console.log("waiting for", holder),
  make: async (into) => {
    const fs = await import("node:fs");
    for (let i = 0; i < 60; i++) { fs.writeFileSync(into + "/" + i, "x".repeat(20_000)); await new Promise((done) => setTimeout(done, 1)); }
    return { maker: String(process.pid) };
  } });
console.log("maker", entry.facts.maker);`;

test("of two processes that ask at once one makes the entry, and the other waits for it and takes it", async () => {
  const both = await Promise.all([helper(maker(directory)), helper(maker(directory))]);
  const said = await Promise.all(
    both.map(async (child) => {
      let text = "";
      for await (const chunk of child.stdout ?? []) text += String(chunk);
      return text;
    }),
  );
  const makers = said.map((text) => /^maker (\d+)$/m.exec(text)?.[1]);
  expect(makers[0]).toBe(makers[1]);
  expect(both.map(({ pid }) => String(pid))).toContain(makers[0]);
  expect(said.join("")).toContain(`waiting for ${makers[0]}\n`);
});

test.each([1, 2, 3, 4, 5, 6, 7, 8].map((seed) => [seed, Math.floor(((seed * 0.618) % 1) * 300)]))(
  "seed %i: a builder that is killed after %i ms leaves a whole entry or none",
  async (_seed, delayMs) => {
    const child = await helper(maker(directory));
    await sleep(delayMs);
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const shown = await readdir(directory).catch((): string[] => []);
    const { files, cached } = await cacheEntry(options({ full: true }));
    expect(cached).toBe(shown.includes("abc"));
    expect(files.map(({ path }) => path)).toHaveLength(cached ? 60 : 1);
    expect((await readdir(directory)).filter((name) => name !== ".locks")).toEqual(["abc"]);
  },
);

test("a lock is held against another process, names its holder, and is free when that process is killed", async () => {
  const file = path.join(directory, "lock");
  const child = await helper(`
    await lock.withLock({ file: ${JSON.stringify(file)}, purpose: "x" }, async () => {
      console.log("ready");
      await new Promise((done) => setTimeout(done, 60_000));
    });`);
  const holders: (string | undefined)[] = [];
  const attempt = withLock(
    { file, purpose: "the test", timeoutMs: 200, onWait: (holder) => holders.push(holder) },
    async () => "ran",
  );
  await expect(attempt).rejects.toThrow(LockTimeoutError);
  expect(holders).toEqual([String(child.pid)]);
  const patient = withLock({ file, purpose: "the test", timeoutMs: 10_000 }, async () => "ran");
  await sleep(150);
  child.kill("SIGKILL");
  expect(await patient).toBe("ran");
});
