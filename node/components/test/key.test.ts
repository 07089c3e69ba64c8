import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { buildKey, checkPins, PinError, sourceDigests } from "../src/key.ts";
import { pinsOf } from "../src/sources.ts";
import { components, moduleDir } from "../src/versions.ts";

const parts = {
  name: "etcd",
  sources: { "go.mod": "a", "go.sum": "b" },
  toolchain: "go1.26.8",
  flags: ["-trimpath"],
  architecture: "amd64",
};

test("the same parts make the same key, in whatever order they were found", () => {
  expect(buildKey({ ...parts, sources: { "go.sum": "b", "go.mod": "a" } })).toBe(buildKey(parts));
});

test.each([
  ["a pin", { sources: { "go.mod": "a", "go.sum": "c" } }],
  ["a further source", { sources: { ...parts.sources, "main.go": "d" } }],
  ["the toolchain", { toolchain: "go1.26.9" }],
  ["a flag", { flags: ["-trimpath", "-race"] }],
  ["the architecture", { architecture: "arm64" }],
  ["the name", { name: "etcdx" }],
])("%s makes another key", (_what, change) => {
  expect(buildKey({ ...parts, ...change })).not.toBe(buildKey(parts));
});

test("tests and documents are no part of what is built", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "cantrip-key-test-"));
  try {
    for (const name of ["go.mod", "main.go", "main_test.go", "README.md"])
      await writeFile(path.join(folder, name), name);
    expect(Object.keys(await sourceDigests(folder))).toEqual(["go.mod", "main.go"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("versions.ts and every go.mod pin the same versions", async () => {
  for (const component of components) {
    if (component.kind !== "go") continue;
    const file = path.join(moduleDir(component.name), "go.mod");
    checkPins(await readFile(file, "utf8"), pinsOf(component), file);
  }
});

test("a go.mod that pins another version is refused by name", () => {
  const goMod = "module x\n\nrequire (\n\tgo.etcd.io/etcd/server/v3 v3.7.2\n)\n";
  const check = () => checkPins(goMod, { "go.etcd.io/etcd/server/v3": "3.7.3" }, "etcd/go.mod");
  expect(check).toThrow(PinError);
  expect(check).toThrow("pins go.etcd.io/etcd/server/v3 at v3.7.2, versions.ts says v3.7.3");
});
