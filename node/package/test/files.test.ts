import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "@cantrip/components";
import {
  imageTar,
  manifestBytes,
  packReference,
  packTar,
  PackageError,
  parseManifest,
  tarBytes,
  verifyPackage,
  writeTar,
  type Manifest,
} from "../src/index.ts";

const run = promisify(execFile);
let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(path.join(tmpdir(), "cantrip-package-test-"))));
afterEach(async () => await rm(scratch, { recursive: true, force: true }));

const file = (name: string, content: string, mode = "0644") => ({
  path: name,
  mode,
  size: content.length,
  sha256: sha256(content),
});
const manifest = (more: Partial<Manifest> = {}): Manifest => ({
  schema: 1,
  name: "k8s-node",
  version: "1.36.3+cantrip.1",
  architecture: "amd64",
  components: { kubernetes: { version: "1.36.3", licence: "Apache-2.0" } },
  images: [],
  licences: [],
  missing: [],
  files: [file("bin/tool", "tool", "0755"), file("lib/text", "text")],
  ...more,
});

async function tree(): Promise<string> {
  const place = path.join(scratch, "tree");
  for (const folder of ["bin", "lib"]) await mkdir(path.join(place, folder), { recursive: true });
  await writeFile(path.join(place, "bin/tool"), "tool");
  await chmod(path.join(place, "bin/tool"), 0o755);
  await writeFile(path.join(place, "lib/text"), "text");
  await writeFile(path.join(place, "manifest.json"), manifestBytes(manifest()));
  return place;
}

describe("the manifest", () => {
  test("has the same bytes in whatever order files are given", () => {
    const { files } = manifest();
    expect(manifestBytes(manifest({ files: [...files].reverse() }))).toEqual(manifestBytes(manifest()));
  });

  test.each([
    "../x",
    "/etc/passwd",
    "a/../../x",
    "a//b",
    "./a",
    "a/.",
    "",
    "manifest.json",
    "a b",
    "a\nb",
    "bin/$(x)",
    "a\\b",
  ])("that names the path %j is refused", (name) => {
    const hostile = manifestBytes(manifest({ files: [file(name, "x")] }));
    expect(() => parseManifest(hostile, "here")).toThrow(PackageError);
    expect(() => parseManifest(hostile, "here")).toThrow("does not stay inside the package");
  });

  test.each([
    ["no JSON", "{", "is not JSON"],
    ["a list", "[]", "is no object"],
    ["another schema", JSON.stringify({ ...manifest(), schema: 2 }), "has schema 2, expected 1"],
    ["another name", JSON.stringify({ ...manifest(), name: "x" }), 'names "x"'],
    ["no files", JSON.stringify({ ...manifest(), files: undefined }), "lacks files"],
    [
      "a file twice",
      JSON.stringify(manifest({ files: [file("a", "x"), file("a", "y")] })),
      '"a" is there twice',
    ],
    ["a setuid file", JSON.stringify(manifest({ files: [file("a", "x", "4755")] })), 'mode "4755"'],
    [
      "a wrong digest",
      JSON.stringify(manifest({ files: [{ ...file("a", "x"), sha256: "abc" }] })),
      "is no SHA-256 digest",
    ],
    ["a negative size", JSON.stringify(manifest({ files: [{ ...file("a", "x"), size: -1 }] })), "is no size"],
    [
      "an image that is no file",
      JSON.stringify(manifest({ images: [{ ref: "a:b", file: "c" }] })),
      '"c" is none of the files',
    ],
  ])("with %s is refused", (_what, text, expected) => {
    expect(() => parseManifest(Buffer.from(text), "here")).toThrow(expected);
  });
});

describe("a tree", () => {
  test("that is what its manifest says is verified, under its digest", async () => {
    const { digest } = await verifyPackage(await tree());
    expect(digest).toBe(sha256(manifestBytes(manifest())));
  });

  test.each<[string, (place: string) => Promise<unknown>, string]>([
    ["a changed file", (place) => writeFile(path.join(place, "lib/text"), "evil"), "lib/text has SHA-256"],
    [
      "a longer file",
      (place) => writeFile(path.join(place, "lib/text"), "text and more"),
      "has 13 bytes, expected 4",
    ],
    ["a missing file", (place) => rm(path.join(place, "lib/text")), "lib/text is missing"],
    [
      "a further file",
      (place) => writeFile(path.join(place, "lib/more"), ""),
      "lib/more is not in the manifest",
    ],
    [
      "another mode",
      (place) => chmod(path.join(place, "lib/text"), 0o666),
      "lib/text has mode 0666, expected 0644",
    ],
    [
      "a link",
      (place) =>
        rm(path.join(place, "lib/text")).then(() => symlink("../bin/tool", path.join(place, "lib/text"))),
      "no regular file",
    ],
    ["no manifest", (place) => rm(path.join(place, "manifest.json")), "cannot be read: ENOENT"],
  ])("with %s is refused", async (_what, damage, expected) => {
    const place = await tree();
    await damage(place);
    await expect(verifyPackage(place)).rejects.toThrow(expected);
  });

  test("with another digest than expected is refused", async () => {
    await expect(verifyPackage(await tree(), { expected: "0".repeat(64) })).rejects.toThrow("expected 0000");
  });
});

describe("a tar", () => {
  test("is read by tar, with names, modes and contents", async () => {
    const out = path.join(scratch, "whole.tar");
    await packTar(await tree(), out);
    const { stdout } = await run("tar", ["-tvf", out, "--numeric-owner", "--utc"]);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/));
    expect(rows.map((row) => [row[0], row[1], row[3], row[5]])).toEqual([
      ["-rw-r--r--", "0/0", "1970-01-01", "manifest.json"],
      ["-rwxr-xr-x", "0/0", "1970-01-01", "bin/tool"],
      ["-rw-r--r--", "0/0", "1970-01-01", "lib/text"],
    ]);
    await mkdir(path.join(scratch, "unpacked"));
    await run("tar", ["-xpf", out, "-C", path.join(scratch, "unpacked")]);
    expect((await verifyPackage(path.join(scratch, "unpacked"))).manifest.version).toBe("1.36.3+cantrip.1");
  });

  test("of the same tree has the same bytes", async () => {
    const place = await tree();
    for (const name of ["a.tar", "b.tar"]) await packTar(place, path.join(scratch, name));
    expect(await readFile(path.join(scratch, "a.tar"))).toEqual(await readFile(path.join(scratch, "b.tar")));
  });

  test("of a damaged tree is not made", async () => {
    const place = await tree();
    await writeFile(path.join(place, "lib/text"), "evil");
    const out = path.join(scratch, "whole.tar");
    await expect(packTar(place, out)).rejects.toThrow(PackageError);
    await expect(stat(out)).rejects.toThrow("ENOENT");
  });

  test("that is a reference holds the manifest alone", async () => {
    const place = await tree();
    const out = path.join(scratch, "reference.tar");
    await packReference(place, out);
    expect((await run("tar", ["-tf", out])).stdout).toBe("manifest.json\n");
    expect(sha256((await run("tar", ["-xOf", out, "manifest.json"])).stdout)).toBe(
      (await verifyPackage(place)).digest,
    );
  });

  test("takes long names and refuses names that are too long", async () => {
    const long = `${"folder/".repeat(20)}${"n".repeat(90)}`;
    const out = path.join(scratch, "long.tar");
    await writeTar(out, [{ path: long, mode: 0o644, content: Buffer.from("x") }]);
    expect((await run("tar", ["-tf", out])).stdout.trim()).toBe(long);
    expect(() => tarBytes([{ path: "n".repeat(101), mode: 0o644, content: Buffer.alloc(0) }])).toThrow(
      "the name is too long",
    );
  });
});

describe("an image", () => {
  const spec = {
    ref: "cantrip.local/pause:1.0.0",
    architecture: "amd64",
    entrypoint: ["/pause"],
    files: { "/pause": Buffer.from("binary") },
  } as const;

  test("has the same bytes each time", () => {
    expect(imageTar(spec)).toEqual(imageTar(spec));
  });

  test("is an OCI layout whose digests hold", async () => {
    await writeFile(path.join(scratch, "image.tar"), imageTar(spec));
    await run("tar", ["-xf", "image.tar"], { cwd: scratch });
    const index = JSON.parse(await readFile(path.join(scratch, "index.json"), "utf8")) as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    expect(index.manifests[0]?.annotations["io.containerd.image.name"]).toBe("cantrip.local/pause:1.0.0");
    const blob = async (digest = "") => {
      const bytes = await readFile(path.join(scratch, "blobs/sha256", digest.replace("sha256:", "")));
      expect(`sha256:${sha256(bytes)}`).toBe(digest);
      return bytes;
    };
    const found = JSON.parse((await blob(index.manifests[0]?.digest)).toString()) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    expect(JSON.parse((await blob(found.config.digest)).toString())).toMatchObject({
      os: "linux",
      rootfs: { diff_ids: [found.layers[0]?.digest] },
    });
    await writeFile(path.join(scratch, "layer.tar"), await blob(found.layers[0]?.digest));
    expect((await run("tar", ["-xOf", "layer.tar", "pause"], { cwd: scratch })).stdout).toBe("binary");
  });

  test("without a tag is refused", () => {
    expect(() => imageTar({ ...spec, ref: "cantrip.local/pause" })).toThrow('expected "name:tag"');
  });
});
