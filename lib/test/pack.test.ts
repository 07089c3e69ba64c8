import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Entry, openPromise } from "yauzl";
import { parseCharmActions, parseCharmConfig, parseCharmMetadata, parseManifest } from "@cantrip/metadata";
import { PackError, charmKey, packCharm } from "@cantrip/lib/pack";

const minimal = join(import.meta.dirname, "charms", "minimal");
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "charm-"));
  cpSync(minimal, folder, { recursive: true });
  symlinkSync(join(import.meta.dirname, "..", "..", "node_modules"), join(folder, "node_modules"));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Unpacked {
  readonly modes: Record<string, string>;
  readonly text: Record<string, string>;
}

async function unpack(path: string): Promise<Unpacked> {
  const zip = await openPromise(path);
  const found: Unpacked = { modes: {}, text: {} };
  for await (const entry of zip.eachEntry() as AsyncIterable<Entry>) {
    found.modes[entry.fileName] = (entry.externalFileAttributes >>> 16).toString(8);
    if (entry.uncompressedSize < 1e6)
      found.text[entry.fileName] = (await buffer(await zip.openReadStreamPromise(entry))).toString();
  }
  return found;
}

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const change = (from: string | RegExp, to: string): void => {
  const path = join(folder, "charmcraft.yaml");
  const text = readFileSync(path, "utf8");
  expect(text).toMatch(from);
  writeFileSync(path, text.replace(from, to));
};
const packed = (runtime: "host" | "bundled" = "host", options = {}): Promise<string> =>
  packCharm({ dir: folder, out: `${folder}/`, runtime, architecture: "amd64", ...options });

test("an archive holds what Juju wants, with its modes, and no empty files", async () => {
  write("LICENSE", "mine");
  const path = await packed();
  const { modes, text } = await unpack(path);
  expect(path).toBe(join(folder, "minimal_amd64.charm"));
  expect(modes).toEqual({
    "charm.mjs": "100755",
    "charm.mjs.map": "100644",
    "config.yaml": "100644",
    dispatch: "100755",
    LICENSE: "100644",
    "manifest.yaml": "100644",
    "metadata.yaml": "100644",
    version: "100644",
  });
  expect(text["dispatch"]).toMatch(/^#!\/bin\/sh\n/);
  expect(text["dispatch"]?.trim().split(/\s/).at(-1)).toBe("charm.mjs");
  expect(parseCharmMetadata(text["metadata.yaml"] ?? "")).toMatchObject({
    name: "minimal",
    summary: "The smallest charm",
  });
  expect(parseCharmConfig(text["config.yaml"] ?? "").options).toMatchObject([
    { name: "greeting", default: "hello" },
  ]);
  expect(parseManifest(text["manifest.yaml"] ?? "").bases).toEqual([
    { name: "ubuntu", channel: "24.04", architectures: ["amd64"] },
  ]);
});

test("the program parses no YAML", async () => {
  const { text } = await unpack(await packed());
  expect(text["charm.mjs"]).not.toMatch(/YAMLException|metadata\.validator/);
});

test("the map of the program names its sources as the charm's folder does", async () => {
  const { text } = await unpack(await packed());
  expect(text["charm.mjs"]).toMatch(/\/\/# sourceMappingURL=charm\.mjs\.map\n$/);
  const { sources } = JSON.parse(text["charm.mjs.map"] ?? "") as { sources: string[] };
  expect(sources).toContain("src/main.ts");
  expect(text["charm.mjs.map"], "no path of the machine that packs").not.toContain(folder);
});

test("a bundled runtime is the given binary, executable", async () => {
  write("node", "#!/bin/sh\n");
  const { modes, text } = await unpack(await packed("bundled", { nodeBinary: join(folder, "node") }));
  expect([modes["runtime/node"], text["runtime/node"]]).toEqual(["100755", "#!/bin/sh\n"]);
});

test("equal sources give equal bytes and keys, a change gives others", async () => {
  const once = readFileSync(await packed());
  const key = await charmKey(folder, { runtime: "host" });
  expect(readFileSync(await packed())).toEqual(once);
  expect(await charmKey(folder, { runtime: "host" })).toBe(key);
  change("default: hello", "default: hi");
  expect(await charmKey(folder, { runtime: "host" })).not.toBe(key);
  expect(readFileSync(await packed())).not.toEqual(once);
});

test("floats stay floats, actions say what Juju versions disagree on, links become metadata", async () => {
  change(
    "config:\n  options:",
    "links: {contact: a@b, documentation: https://d}\nactions: {run: {description: d}}\nconfig:\n  options:\n    ratio: {type: float, default: 1.0}",
  );
  const { text } = await unpack(await packed());
  expect(text["config.yaml"]).toMatch(/default: 1\.0/);
  expect(parseCharmConfig(text["config.yaml"] ?? "").options[0]).toMatchObject({ name: "ratio", default: 1 });
  expect(parseCharmActions(text["actions.yaml"] ?? "").actions[0]?.params["additionalProperties"]).toBe(true);
  expect(text["metadata.yaml"]).toMatch(/maintainers:\n {2}- a@b\ndocs: https:\/\/d/);
});

test("files/ and the usual documents go along, executability too", async () => {
  mkdirSync(join(folder, "files", "templates"), { recursive: true });
  writeFileSync(join(folder, "files", "templates", "run me.sh"), "x", { mode: 0o755 });
  write("README.md", "# hi");
  const { modes } = await unpack(await packed());
  expect([modes["templates/run me.sh"], modes["README.md"]]).toEqual(["100755", "100644"]);
});

test("several bases of one architecture are one archive", async () => {
  change(
    /base: ubuntu@24.04\nplatforms:\n {2}amd64:\n {2}arm64:/,
    "platforms:\n  ubuntu@24.04:amd64:\n  ubuntu@26.04:amd64:\n  ubuntu@26.04:arm64:",
  );
  const path = await packed();
  const { text } = await unpack(path);
  expect(path).toMatch(/minimal_amd64\.charm$/);
  expect(parseManifest(text["manifest.yaml"] ?? "").bases.map(({ channel }) => channel)).toEqual([
    "24.04",
    "26.04",
  ]);
});

test("one base with a colon in its name", async () => {
  change(/base: ubuntu@24.04\nplatforms:\n {2}amd64:\n {2}arm64:/, "platforms:\n  ubuntu@24.04:amd64:");
  expect(await packed()).toMatch(/minimal_ubuntu@?-?24\.04-amd64\.charm$/);
});

test.each<[string, () => void, RegExp]>([
  ["no project", () => rmSync(join(folder, "charmcraft.yaml")), /charmcraft\.yaml: missing/],
  ["no program", () => rmSync(join(folder, "src"), { recursive: true }), /src\/main\.ts: missing/],
  ["a program that does not compile", () => write("src/main.ts", "await ("), /src\/main\.ts: Unexpected/],
  [
    "a program with an unknown import",
    () => write("src/main.ts", 'import "no-such-package-here"'),
    /Could not resolve "no-such-package-here"/,
  ],
  [
    "an unknown key",
    () => change("summary:", "sumary: x\nsummary:"),
    /charmcraft\.yaml: sumary: unknown key/,
  ],
  ["no summary", () => change(/summary: .*\n/, ""), /charmcraft\.yaml: summary: missing/],
  ["another type", () => change("type: charm", "type: bundle"), /type: must be "charm"/],
  [
    "a bad option",
    () => change("default: hello", "default: 5"),
    /options\.greeting\.default: invalid config default: option "greeting" expected string, got 5/,
  ],
  ["a bad endpoint", () => change("parts:", "requires: {Db: x}\nparts:"), /requires\.Db: Cannot use "Db"/],
  [
    "config twice",
    () => write("config.yaml", "options: {}"),
    /config\.yaml: charmcraft\.yaml has "config" too/,
  ],
  [
    "metadata beside",
    () => write("metadata.yaml", "name: x"),
    /metadata\.yaml: its keys belong into charmcraft\.yaml/,
  ],
  ["no platform for us", () => change("  amd64:\n", ""), /platforms: nothing for amd64: it names arm64/],
  ["not YAML", () => write("charmcraft.yaml", "a: ["), /charmcraft\.yaml: not YAML/],
  [
    "not text",
    () => writeFileSync(join(folder, "charmcraft.yaml"), Buffer.from([0xff, 0xfe, 0x00])),
    /not valid UTF-8/,
  ],
])("refused: %s", async (_, spoil, reason) => {
  spoil();
  await expect(packed()).rejects.toThrow(PackError);
  await expect(packed()).rejects.toThrow(reason);
});

test("what will be regretted is warned about", async () => {
  const warnings: string[] = [];
  change("greeting:", "my_greeting:");
  await packed("host", { onWarning: (warning: string) => warnings.push(warning) });
  expect(warnings).toEqual(['option "my_greeting" has underscores: hyphens are the custom']);
});

test("a runtime of another processor is refused, with what helps", async () => {
  const other = process.arch === "x64" ? "arm64" : "amd64";
  await expect(packed("bundled", { architecture: other })).rejects.toThrow(
    new RegExp(`a runtime for \\w+, expected one for ${other}: give one with --node`),
  );
});

test("a failed pack leaves no archive behind", async () => {
  const out = mkdtempSync(join(tmpdir(), "packed-"));
  await expect(
    packCharm({ dir: folder, out: `${out}/a.charm`, nodeBinary: "/nowhere/node", architecture: "amd64" }),
  ).rejects.toThrow();
  expect(() => readFileSync(`${out}/a.charm`)).toThrow();
  rmSync(out, { recursive: true });
});
