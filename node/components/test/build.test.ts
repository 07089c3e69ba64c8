import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  buildComponents,
  NoSourceError,
  officialReleases,
  SourceRefusal,
  type Component,
  type ComponentSource,
  type Progress,
} from "../src/index.ts";

let cacheDir: string;
beforeEach(async () => void (cacheDir = await mkdtemp(path.join(tmpdir(), "cantrip-build-test-"))));
afterEach(async () => await rm(cacheDir, { recursive: true, force: true }));

const tool: Component = {
  kind: "c",
  name: "pause",
  version: "9.9",
  licence: "MIT",
  commands: { tool: "tool.c" },
};
let made = 0;
beforeEach(() => void (made = 0));
const works: ComponentSource = {
  id: "a source that works",
  plan: async () => ({
    key: "key-of-tool",
    make: async (into) => {
      made += 1;
      await mkdir(path.join(into, "bin"));
      await writeFile(path.join(into, "bin/tool"), "#!/bin/sh\n");
    },
  }),
};
const refuses: ComponentSource = {
  id: "a source that refuses",
  plan: async () => {
    throw new SourceRefusal('it needs a compiler; "apt-get install gcc"');
  },
};

test("the first source that has a component is used, named, and used once", async () => {
  const progress: Progress[] = [];
  const options = {
    cacheDir,
    components: [tool],
    sources: [refuses, works],
    onProgress: (step: Progress) => void progress.push(step),
  };
  const built = await buildComponents(options);
  expect(built.components[0]?.source).toBe("a source that works");
  expect(await readFile(built.binaries["tool"] ?? "", "utf8")).toBe("#!/bin/sh\n");
  expect(progress.map(({ component, phase }) => `${component} ${phase}`)).toEqual([
    "pause building (a source that works)",
    "pause built (a source that works)",
  ]);
  expect((await buildComponents(options)).key).toBe(built.key);
  expect(made).toBe(1);
});

test("without a source that works, each one's reason is told, with the command that would help", async () => {
  const attempt = buildComponents({ cacheDir, components: [tool], sources: [officialReleases, refuses] });
  await expect(attempt).rejects.toThrow(NoSourceError);
  await expect(attempt).rejects.toThrow(/no official release of pause 9\.9 (amd64|arm64)/);
  await expect(attempt).rejects.toThrow('"apt-get install gcc"');
});

test("a source that fails to build is no reason to try another one", async () => {
  const fails: ComponentSource = {
    id: "fails",
    plan: async () => ({ key: "x", make: async () => Promise.reject(new Error("syntax error in tool.c")) }),
  };
  await expect(buildComponents({ cacheDir, components: [tool], sources: [fails, works] })).rejects.toThrow(
    "syntax error in tool.c",
  );
  expect(made).toBe(0);
});
