/** The assembly with small stand-ins for the binaries: real files, a real cache, real links. */
import { appendFile, chmod, mkdtemp, readFile, rm, stat, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cacheEntry, components as pinned, sha256, type BuiltComponents } from "@cantrip/components";
import { assemblePackage, bundleNode, verifyPackage, type PackageParts } from "../src/index.ts";

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(path.join(tmpdir(), "cantrip-assemble-test-"))));
afterEach(async () => await rm(scratch, { recursive: true, force: true }));

async function builtComponents(cacheDir: string): Promise<BuiltComponents> {
  const built = [];
  for (const { name, version, licence, commands } of pinned) {
    const key = sha256(name);
    const make = async (into: string) => {
      await mkdir(path.join(into, "bin"));
      for (const command of Object.keys(commands))
        await writeFile(path.join(into, "bin", command), `${command} ${version}`, { mode: 0o755 });
      await writeFile(path.join(into, "licences.txt"), licence);
      return {};
    };
    const entry = await cacheEntry({
      directory: path.join(cacheDir, "components"),
      key,
      subject: name,
      make,
    });
    built.push({
      name,
      version,
      licence,
      source: "test",
      key,
      directory: entry.directory,
      files: entry.files,
      cached: entry.cached,
    });
  }
  return {
    binaries: {},
    key: "k",
    versions: { kubernetes: "1.36.3" },
    architecture: "amd64",
    components: built,
  };
}

async function parts(cache = "cache"): Promise<PackageParts> {
  const cacheDir = path.join(scratch, cache);
  const components = await builtComponents(cacheDir);
  const [binary, licence, unitsDir] = ["node", "LICENSE", "units"].map((name) =>
    path.join(scratch, name),
  ) as [string, string, string];
  await writeFile(binary, "node", { mode: 0o755 });
  await writeFile(licence, "MIT");
  await mkdir(unitsDir, { recursive: true });
  await writeFile(path.join(unitsDir, "snap.k8s.k8sd.service"), "[Service]\n");
  await writeFile(path.join(unitsDir, "snap.k8s.k8sd.service~"), "an editor's copy");
  const bundle = { code: Buffer.from("code"), licences: Buffer.from("licences") };
  return {
    cacheDir,
    components,
    runtime: { version: "26.10.0", binary, licence },
    k8sdBundle: bundle,
    k8sBundle: bundle,
    unitsDir,
  };
}

describe("a package", () => {
  test("is the same from the same parts in another cache", async () => {
    const [one, two] = [await assemblePackage(await parts("one")), await assemblePackage(await parts("two"))];
    expect(two.manifestDigest).toBe(one.manifestDigest);
    const bytes = await Promise.all(
      [one, two].map(({ treeDir }) => readFile(path.join(treeDir, "images/coredns.tar"))),
    );
    expect(bytes[0]).toEqual(bytes[1]);
  });

  test("has the layout of a node package, and nothing that is not meant to be there", async () => {
    const { treeDir, manifest, manifestDigest } = await assemblePackage(await parts());
    expect(path.basename(treeDir)).toBe(manifestDigest);
    const paths = manifest.files.map((file) => file.path);
    expect(paths).toEqual(
      expect.arrayContaining([
        "bin/kubelet",
        "bin/k8s",
        "cni/ptp",
        "images/pause.tar",
        "install",
        "lib/k8sd.mjs",
        "licences/pause.txt",
        "licences/runc.txt",
        "remove",
        "runtime/bin/node",
        "units/snap.k8s.k8sd.service",
      ]),
    );
    expect(paths).not.toContain("units/snap.k8s.k8sd.service~");
    expect(paths).not.toContain("bin/coredns");
    expect((await verifyPackage(treeDir, { expected: manifestDigest })).manifest).toEqual(manifest);
  });

  test("says what it lacks", async () => {
    const { k8sBundle: _left, ...rest } = await parts();
    expect((await assemblePackage(rest)).manifest.missing).toEqual([
      "lib/k8s.mjs",
      "bin/k8s-apiserver-proxy",
    ]);
  });

  test("is found again, links what the cache has and copies what its user can change", async () => {
    const given = await parts();
    const { treeDir } = await assemblePackage(given);
    expect((await assemblePackage(given)).cached).toBe(true);
    expect((await stat(path.join(treeDir, "bin/kubelet"))).nlink).toBe(2);
    await appendFile(given.runtime.binary, " changed by its user");
    expect(await readFile(path.join(treeDir, "runtime/bin/node"), "utf8")).toBe("node");
    expect((await assemblePackage(given)).treeDir).not.toBe(treeDir);
  });

  test.each<[string, (tree: string) => Promise<unknown>]>([
    [
      "a changed file",
      (tree) => rm(path.join(tree, "install")).then(() => writeFile(path.join(tree, "install"), "evil")),
    ],
    ["a missing file", (tree) => rm(path.join(tree, "bin/kubelet"))],
    ["a changed manifest", (tree) => appendFile(path.join(tree, "manifest.json"), " ")],
  ])("with %s is put aside and made anew", async (_what, damage) => {
    const given = await parts();
    const { treeDir, manifestDigest } = await assemblePackage(given);
    await damage(treeDir);
    expect((await assemblePackage(given)).cached).toBe(false);
    await verifyPackage(treeDir, { expected: manifestDigest });
    await expect(
      verifyPackage(path.join(given.cacheDir, "packages", `.refused-${manifestDigest}`), {
        expected: manifestDigest,
      }),
    ).rejects.toThrow();
  });

  test("whose record was lost by a crash is verified, not made again", async () => {
    const given = await parts();
    const { treeDir } = await assemblePackage(given);
    const { ino } = await stat(treeDir);
    await rm(path.join(given.cacheDir, "packages/.verified"), { recursive: true });
    expect((await assemblePackage(given)).treeDir).toBe(treeDir);
    expect((await stat(treeDir)).ino).toBe(ino);
  });

  test("is refused if the cache lies about a linked file", async () => {
    const given = await parts();
    const kubelet = given.components.components[0]?.files.find((file) => file.path === "bin/kubelet");
    await chmod(path.join(given.components.components[0]?.directory ?? "", kubelet?.path ?? ""), 0o755);
    await appendFile(path.join(given.components.components[0]?.directory ?? "", kubelet?.path ?? ""), "evil");
    await expect(assemblePackage(given)).rejects.toThrow("bin/kubelet has");
  });
});

test("a bundle is one file that runs, with CommonJS packages in it and their licences beside it", async () => {
  const entry = path.join(scratch, "main.ts");
  const winston = import.meta.resolve("winston");
  await writeFile(
    entry,
    `import { version } from ${JSON.stringify(new URL(winston).pathname)};\nexport const found: string = version;\n`,
  );
  const { code, licences } = await bundleNode({ entry });
  const file = path.join(scratch, "bundle.mjs");
  await writeFile(file, code);
  const loaded = (await import(file)) as { found: string };
  expect(loaded.found).toMatch(/^3\./);
  expect(licences.toString()).toMatch(/^winston 3\.\S+ \(MIT\)$/m);
  expect((await bundleNode({ entry })).code).toEqual(code);
});
