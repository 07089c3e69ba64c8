/** The file of a snapshot against everything that may happen to a file; and who may recover. */
import { appendFile, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { refusalsOf } from "../src/cluster/recovery.ts";
import { sealFile, unsealFile } from "../src/cluster/snapshot-file.ts";
import { discardedIn } from "../src/etcd/tools.ts";

const PASSPHRASE = "correct horse";
const document = { schema: 1, secrets: { "pki/ca.key": "KEY" } };

describe("a snapshot's file", () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  const parts = () => ({ document: at("document.json"), data: at("snapshot.db") });
  const seal = (size: number) =>
    writeFile(at("data"), randomBytes(size)).then(() =>
      sealFile(at("file"), PASSPHRASE, document, at("data")),
    );

  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "k8sd-snapshot-"))));
  afterEach(() => rm(folder, { recursive: true }));

  test.each([0, 1, 1000, 1_048_576 - 200, 1_048_576, 3_500_000])(
    "of %i bytes comes back whole",
    async (size) => {
      await seal(size);
      expect(await unsealFile(at("file"), PASSPHRASE, parts())).toEqual(document);
      expect((await readFile(at("snapshot.db"))).equals(await readFile(at("data")))).toBe(true);
      expect(JSON.parse(await readFile(at("document.json"), "utf8"))).toEqual(document);
    },
  );

  test.each<[string, (file: Buffer) => Buffer | Promise<Buffer>, RegExp]>([
    ["cut at its end", (file) => file.subarray(0, -1), /cut or changed/],
    ["cut between two pieces", (file) => file.subarray(0, headOf(file) + 1_048_592), /cut or changed/],
    ["with a bit changed", (file) => changed(file, file.length - 100), /cut or changed/],
    ["with its head changed", (file) => changed(file, 40), /head is damaged|cut or changed/],
    ["with something appended", (file) => Buffer.concat([file, Buffer.alloc(100)]), /cut or changed/],
    ["with its pieces exchanged", exchanged, /cut or changed/],
    ["that is another file", () => Buffer.from("PK\u0003\u0004"), /expected a file that k8s snapshot save/],
    ["that is empty", () => Buffer.alloc(0), /expected a file that k8s snapshot save/],
    [
      "of a later version",
      (file) => Buffer.concat([Buffer.from("cantrip-snapshot 2\n"), file.subarray(19)]),
      /expected a file/,
    ],
    [
      "whose head wants more memory",
      (file) => Buffer.from(file.toString("latin1").replace('"N":32768', '"N":99999'), "latin1"),
      /head is damaged/,
    ],
  ])("%s is refused, and nothing is written", async (_, change, reason) => {
    await seal(2_500_000);
    await writeFile(at("file"), await change(await readFile(at("file"))));
    await expect(unsealFile(at("file"), PASSPHRASE, parts())).rejects.toThrow(reason);
    expect((await readdir(folder)).sort()).toEqual(["data", "file"]);
  });

  test("is not opened by another passphrase", async () => {
    await seal(10);
    await expect(unsealFile(at("file"), "other passphrase", parts())).rejects.toThrow(
      "the passphrase is another",
    );
  });

  test("is written whole or not at all", async () => {
    await expect(sealFile(at("file"), PASSPHRASE, document, at("missing"))).rejects.toThrow("ENOENT");
    expect(await readdir(folder)).toEqual([]);
    await appendFile(at("data"), "x");
    await expect(sealFile(join(folder, "no", "folder"), PASSPHRASE, document, at("data"))).rejects.toThrow(
      "ENOENT",
    );
  });
});

const headOf = (file: Buffer) => file.indexOf("\n", 20) + 1;
function changed(file: Buffer, at: number): Buffer {
  file[at] = file[at]! ^ 1;
  return file;
}
function exchanged(file: Buffer): Buffer {
  const head = headOf(file);
  const size = 1_048_592;
  const [one, two] = [file.subarray(head, head + size), file.subarray(head + size, head + 2 * size)];
  return Buffer.concat([file.subarray(0, head), two, one, file.subarray(head + 2 * size)]);
}

describe("who may recover", () => {
  const state = (term: number, index: number, hasQuorum = false) => ({ term, index, hasQuorum });
  const other = (name: string, found?: ReturnType<typeof state>) => ({
    name,
    address: "10.0.0.9",
    ...(found && { state: found }),
  });
  test.each([
    ["the only one that answers of three", state(2, 9), [other("b"), other("c")], undefined],
    ["one with a quorum", state(2, 9, true), [other("b"), other("c")], /has a working quorum/],
    [
      "one that hears of a quorum",
      state(2, 9),
      [other("b", state(3, 9, true)), other("c")],
      /has a working quorum/,
    ],
    [
      "one of two that answer of three",
      state(2, 9),
      [other("b", state(2, 8)), other("c")],
      /2 of 3 members are there/,
    ],
    [
      "one of two that answer of five, behind",
      state(2, 9),
      [other("b", state(2, 10)), other("c"), other("d"), other("e")],
      /b has newer data/,
    ],
    [
      "one of an older term with more entries",
      state(2, 99),
      [other("b", state(3, 1)), other("c"), other("d"), other("e")],
      /b has newer data/,
    ],
    [
      "the newest of two that answer of five",
      state(3, 9),
      [other("b", state(2, 10)), other("c"), other("d"), other("e")],
      undefined,
    ],
    ["one of two", state(2, 9), [other("b")], undefined],
  ])("%s", (_, own, others, expected) => {
    const text = refusalsOf(own, others).join("; ");
    if (expected) expect(text).toMatch(expected);
    else expect(text).toBe("");
  });

  test("discarded entries are counted as etcd tells them", () => {
    expect(
      discardedIn('{"msg":"discarding uncommitted WAL entries","number-of-discarded-entries":3}\nx'),
    ).toBe(3);
    expect(discardedIn("nothing of that kind")).toBe(0);
  });
});
