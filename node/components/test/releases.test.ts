/** Official releases, from a server of the test's own: real downloads, real archives. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  architectures,
  buildComponents,
  components,
  DigestMismatchError,
  goModules,
  NoSourceError,
  officialRelease,
  releaseSource,
  sha256,
  SourceRefusal,
  type Architecture,
  type Component,
  type ComponentSource,
} from "../src/index.ts";

const run = promisify(execFile);
let [scratch, origin] = ["", ""];
let server: Server;
let bytes: Buffer;
let answer: (response: ServerResponse) => void;
let asked = 0;

beforeEach(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), "cantrip-releases-test-"));
  const release = path.join(scratch, "release");
  await mkdir(path.join(release, "tool-1/bin"), { recursive: true });
  await writeFile(path.join(release, "tool-1/bin/tool"), "#!/bin/sh\necho release\n", { mode: 0o644 });
  await writeFile(path.join(release, "tool-1/LICENSE"), "you may");
  await run("tar", ["-czf", "../release.tar.gz", "tool-1"], { cwd: release });
  bytes = await readFile(path.join(scratch, "release.tar.gz"));
  [answer, asked] = [(response) => response.end(bytes), 0];
  server = createServer((_request, response) => {
    asked += 1;
    answer(response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(scratch, { recursive: true, force: true });
});

const tool: Component = {
  kind: "c",
  name: "pause",
  version: "1",
  licence: "MIT",
  commands: { tool: "tool.c" },
};
const other: ComponentSource = {
  id: "the other source",
  plan: async () => ({
    key: "other",
    make: async (into) => {
      await mkdir(path.join(into, "bin"));
      await writeFile(path.join(into, "bin/tool"), "other");
    },
  }),
};

const pinned = (digest = sha256(bytes)) => ({
  [`pause 1 ${process.arch === "arm64" ? "arm64" : "amd64"}`]: digest,
});
const release = (digests: Record<string, string>, folder = "tool-1/bin") =>
  releaseSource({ digests, find: () => ({ url: `${origin}/tool.tar.gz`, folder }), silenceMs: 300 });
const cacheDir = () => path.join(scratch, "cache");
const build = (...sources: ComponentSource[]) =>
  buildComponents({ cacheDir: cacheDir(), components: [tool], sources });
const leftovers = async () =>
  (await readdir(path.join(cacheDir(), "components")).catch(() => [])).filter((name) =>
    /^\.(new|old)-/.test(name),
  );

describe("an official release", () => {
  test("whose bytes have the pinned digest is unpacked, named, with its licences, and not fetched again", async () => {
    const { binaries, components: built } = await build(release(pinned()));
    expect((await run(binaries["tool"] ?? "", [])).stdout).toBe("release\n");
    expect(built[0]?.source).toBe("official release");
    const folder = built[0]?.directory ?? "";
    expect(await readFile(path.join(folder, "licences.txt"), "utf8")).toMatch(/^pause 1 \(MIT\)[^]*you may/);
    expect((await readdir(folder)).sort()).toEqual(["bin", "entry.json", "licences.txt"]);
    expect((await build(release(pinned()))).components[0]?.cached).toBe(true);
    expect(asked).toBe(1);
  });

  test("that is a bare program is taken as it is", async () => {
    bytes = Buffer.from("#!/bin/sh\necho bare\n");
    const bare = releaseSource({ digests: pinned(), find: () => ({ url: `${origin}/tool` }) });
    expect((await run((await build(bare)).binaries["tool"] ?? "", [])).stdout).toBe("bare\n");
  });

  test("without a digest is refused, and nobody is asked for it", async () => {
    await expect(build(release({}))).rejects.toThrow(NoSourceError);
    await expect(build(release({}))).rejects.toThrow("a download without one is refused");
    expect(asked).toBe(0);
  });

  test("with other bytes is refused, used by nobody, and no reason to try another source", async () => {
    const attempt = build(release(pinned("0".repeat(64))), other);
    await expect(attempt).rejects.toThrow(DigestMismatchError);
    await expect(attempt).rejects.toThrow(`its bytes have SHA-256 ${sha256(bytes)}, expected 000`);
    expect(await leftovers()).toEqual([]);
    expect((await build(release(pinned()))).components[0]?.cached).toBe(false);
  });

  test.each<[string, (response: ServerResponse) => void, string]>([
    ["is not there", (response) => response.writeHead(404).end(), "the server answered 404"],
    [
      "breaks off",
      (response) => {
        response.writeHead(200, { "content-length": bytes.length });
        response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
      },
      "cannot be had",
    ],
    [
      "stops in the middle",
      (response) => void response.writeHead(200).write(bytes.subarray(0, bytes.length / 2)),
      "the server was silent for 0.3 s",
    ],
  ])(
    "that %s leaves nothing, and the next source is used and asked first from then on",
    async (_what, how, reason) => {
      answer = how;
      await expect(build(release(pinned()))).rejects.toThrow(reason);
      expect((await build(release(pinned()), other)).components[0]?.source).toBe("the other source");
      expect(await leftovers()).toEqual([]);
      const before = asked;
      expect((await build(release(pinned()), other)).components[0]?.cached).toBe(true);
      expect(asked).toBe(before);
    },
  );

  test("that lacks a program is refused by name", async () => {
    await expect(build(release(pinned(), "tool-1/sbin"))).rejects.toThrow("it has no tool-1/sbin/tool");
    expect(await stat(path.join(cacheDir(), "components/.sources")).catch(() => "none")).toBe("none");
  });
});

describe("both processor types", () => {
  test.each(architectures.map((architecture) => [architecture]))(
    "%s is described for every component",
    async (architecture) => {
      for (const component of components) {
        const found = officialRelease(component, architecture);
        if (component.name === "coredns" || component.name === "pause") expect(found).toBeUndefined();
        else expect(found?.url).toContain(architecture);
      }
    },
  );

  test("are built from Go modules under different keys; what is partly C is refused for a foreign one", async () => {
    const toolchain = async () => ({ go: "/nowhere/go", version: "go1.99" });
    const foreign: Architecture = process.arch === "arm64" ? "amd64" : "arm64";
    const native: Architecture = process.arch === "arm64" ? "arm64" : "amd64";
    const etcd = components.find(({ name }) => name === "etcd")!;
    const keys = [native, foreign].map(
      async (architecture) => (await goModules.plan(etcd, { architecture, toolchain })).key,
    );
    expect(new Set(await Promise.all(keys)).size).toBe(2);
    for (const component of components.filter(({ name }) => name === "runc" || name === "pause"))
      await expect(goModules.plan(component, { architecture: foreign, toolchain })).rejects.toThrow(
        SourceRefusal,
      );
  });
});
