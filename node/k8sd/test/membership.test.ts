/** The pieces of control planes' joining that need no machine. */
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseIdentityText, type Identity } from "../src/base/identity.ts";
import { pathsBelow, type Paths } from "../src/base/paths.ts";
import { quorumProblem, type Voters } from "../src/cluster/membership.ts";
import { clientFilesFor, endpointsFor, type Member } from "../src/etcd/client.ts";
import { open, seal } from "../src/pki/sealing.ts";
import { newKey, requestFor, requestPublicKey } from "../src/pki/certificates.ts";
import { readSharedSecrets, writeSharedSecrets } from "../src/pki/shared-files.ts";
import { resolveSettings } from "../src/cluster/settings.ts";

function voters(...states: [name: string, works: boolean][]): Voters {
  const all = states.map(([name], index): Member => ({
    id: String(index + 1),
    name,
    isLearner: false,
    peerUrls: [],
    clientUrls: [],
  }));
  return { all, healthy: new Set(all.filter((_, index) => states[index]![1]).map(({ id }) => id)) };
}

describe("the removal of a voter", () => {
  test.each<[string, Voters, string, RegExp | undefined]>([
    ["one of three", voters(["a", true], ["b", true], ["c", true]), "3", undefined],
    ["the dead one of three", voters(["a", true], ["b", true], ["c", false]), "3", undefined],
    [
      "a living one of three while one is dead",
      voters(["a", true], ["b", true], ["c", false]),
      "1",
      /1 work and 2 are needed; c does not answer/,
    ],
    ["one of two", voters(["a", true], ["b", true]), "1", undefined],
    ["the living one of two", voters(["a", true], ["b", false]), "1", /0 work and 1 are needed/],
    [
      "one of five while two are dead",
      voters(["a", true], ["b", true], ["c", true], ["d", false], ["e", false]),
      "1",
      /2 work and 3 are needed; d, e/,
    ],
    [
      "the dead one of five while two are",
      voters(["a", true], ["b", true], ["c", true], ["d", false], ["e", false]),
      "4",
      undefined,
    ],
    ["one that is no voter", voters(["a", true], ["b", false]), "9", undefined],
  ])("%s", (_, given, id, expected) => {
    const problem = quorumProblem(given, id);
    if (expected) expect(problem).toMatch(expected);
    else expect(problem).toBeUndefined();
  });
});

describe("a sealed box", () => {
  test("opens with the key of the request that it was made for", async () => {
    const key = newKey();
    const box = seal(await requestPublicKey(await requestFor(key, "n2")), "the authorities");
    expect(open(key, box)).toBe("the authorities");
    expect(JSON.stringify(box)).not.toContain("authorities");
  });

  const recipient = newKey();
  const box = seal(createPublicKey(recipient).export({ format: "der", type: "spki" }), "the authorities");
  const other = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).publicKey;
  test.each([
    ["another key", newKey(), box],
    ["a changed text", recipient, { ...box, text: Buffer.from("x").toString("base64") }],
    ["a cut tag", recipient, { ...box, tag: box.tag.slice(0, 8) }],
    [
      "another key of one use",
      recipient,
      { ...box, key: other.export({ format: "der", type: "spki" }).toString("base64") },
    ],
    ["nonsense", recipient, { key: "!", tag: "", text: "" }],
    ["no private key at all", "", box],
  ])("does not open with %s", (_, key, given) => {
    expect(() => open(key, given)).toThrow("Cannot open a sealed box");
  });
});

describe("the files that control planes share", () => {
  let from: Paths;
  let to: Paths;
  let folder: string;
  const managed = { datastore: { type: "etcd" }, externalAuthorities: [] } as const;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "k8sd-shared-"));
    from = pathsBelow(join(folder, "from"));
    to = pathsBelow(join(folder, "to"));
    await writeSharedSecrets(from, managed, {
      "pki/ca.key": "K",
      "pki/ca.crt": "C",
      "certificates/token.key": "T",
    });
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("arrive as they are, for root alone", async () => {
    await writeSharedSecrets(to, managed, await readSharedSecrets(from, managed));
    expect(await readFile(join(to.pki, "ca.key"), "utf8")).toBe("K");
    expect((await stat(join(to.pki, "ca.key"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(to.certificates, "token.key"), "utf8")).toBe("T");
  });

  test("a name that is none of them is never written", async () => {
    await writeSharedSecrets(to, managed, {
      "pki/../../../../escape": "x",
      "pki/other": "x",
      ["__proto__"]: "x",
    });
    await expect(stat(join(to.root, "escape"))).rejects.toThrow("ENOENT");
    await expect(stat(join(to.pki, "other"))).rejects.toThrow("ENOENT");
  });
});

describe("where a node finds its datastore", () => {
  const identity = {
    address: "10.0.0.1",
    peers: ["10.0.0.1:6400", "10.0.0.2:6400"],
    datastore: { type: "etcd" },
    settings: resolveSettings({ "etcd-port": 3379 }),
  } as unknown as Identity;

  test("its own member first, then the others", () =>
    expect(endpointsFor(identity)).toEqual(["https://127.0.0.1:3379", "https://10.0.0.2:3379"]));
  test("the servers of an external one", () => {
    const datastore = { type: "external", servers: ["https://db:2379"] } as const;
    expect(endpointsFor({ ...identity, datastore })).toEqual(["https://db:2379"]);
    expect(clientFilesFor({ datastore }).cert).toBe("etcd/client.crt");
  });
});

test("an identity of a time before several control planes is read with what was so then", () => {
  const { controlPlaneTaints: _taints, disableRbac: _rbac, ...settings } = resolveSettings({});
  const text = JSON.stringify({ schema: 1, name: "n1", settings });
  expect(parseIdentityText("identity.json", text)).toMatchObject({
    extraSans: [],
    settings: { controlPlaneTaints: [], disableRbac: false },
  });
});
