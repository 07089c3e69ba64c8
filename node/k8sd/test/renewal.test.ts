/** When certificates refresh by themselves, by a clock that the test holds. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Identity } from "../src/base/identity.ts";
import { pathsBelow, type Paths } from "../src/base/paths.ts";
import { resolveSettings } from "../src/cluster/settings.ts";
import { BACKDATED_MS, LEAF_LIFETIME_MS } from "../src/pki/certificates.ts";
import { ensureControlPlanePki } from "../src/pki/cluster.ts";
import { refreshControlPlane, repairPki, selected } from "../src/pki/refresh.ts";
import { isDue, Renewal } from "../src/pki/renewal.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const begun = Date.UTC(2026, 0, 1);
const facts = {
  begins: new Date(begun - BACKDATED_MS),
  expires: new Date(begun + 90 * DAY_MS),
  issuer: "",
  commonName: "",
};

test.each([
  ["at its begin", begun, false],
  ["where the clock is an hour behind", begun - HOUR_MS, false],
  ["just before two thirds", begun + 60 * DAY_MS - 1, false],
  ["at two thirds", begun + 60 * DAY_MS, true],
  ["after its end", begun + 100 * DAY_MS, true],
])("a certificate of 90 days is due %s: %s", (_, now, due) => expect(isDue(facts, now)).toBe(due));

describe("a control plane", () => {
  let root: string;
  let paths: Paths;
  const identity = {
    name: "c1",
    role: "control-plane",
    address: "10.0.0.1",
    credential: "abc",
    datastore: { type: "etcd" },
    settings: resolveSettings({}),
    extraSans: [],
    externalAuthorities: [],
    supplied: [],
  } as unknown as Identity;
  const file = (name: string) => readFile(join(paths.pki, name), "utf8");

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "k8sd-renewal-"));
    paths = pathsBelow(root);
    await ensureControlPlanePki(paths, { ...identity, adminGroup: "k8sd:admins:1" });
  });
  afterEach(() => rm(root, { recursive: true }));

  async function refreshedAt(now: number): Promise<[readonly string[], number][]> {
    const calls: [readonly string[], number][] = [];
    const refresh = (names: readonly string[], lifetimeMs: number) => {
      calls.push([names, lifetimeMs]);
      return Promise.resolve();
    };
    const renewal = new Renewal({ paths, identity: () => identity, now: () => now, refresh });
    renewal.start();
    await renewal.stop();
    return calls;
  }

  test("leaves fresh certificates alone", async () =>
    expect(await refreshedAt(Date.now() + DAY_MS)).toEqual([]));

  test("refreshes all of them, with their lifetime, once two thirds are over", async () => {
    const [[names, lifetimeMs] = [[], 0], ...others] = await refreshedAt(Date.now() + 300 * DAY_MS);
    expect(others).toEqual([]);
    expect(names).toEqual(expect.arrayContaining(["apiserver", "etcd-peer", "k8sd", "admin.conf"]));
    expect(Math.abs(lifetimeMs - LEAF_LIFETIME_MS)).toBeLessThan(5_000);
  });

  test("does so for the short-lived ones alone", async () => {
    await refreshControlPlane(
      paths,
      identity,
      { names: ["scheduler.conf"], lifetimeMs: DAY_MS },
      "k8sd:admins:1",
    );
    expect((await refreshedAt(Date.now() + 20 * HOUR_MS)).map(([names]) => names)).toEqual([
      ["scheduler.conf"],
    ]);
  });

  test("does so for all others where one cannot be read", async () => {
    await writeFile(join(paths.pki, "kubelet.crt"), "no certificate");
    const [[names] = [[]]] = await refreshedAt(Date.now() + 300 * DAY_MS);
    expect(names).toContain("scheduler.conf");
    expect(names).not.toContain("kubelet");
  });

  test("repairs a pair that does not fit, and touches no other", async () => {
    await writeFile(join(paths.pki, "kubelet.key"), await file("apiserver.key"));
    const [apiserver, kubelet] = [await file("apiserver.crt"), await file("kubelet.crt")];
    await repairPki(paths, identity);
    expect(await file("apiserver.crt")).toBe(apiserver);
    expect(await file("kubelet.crt")).not.toBe(kubelet);
  });

  test("never makes another authority in the place of a damaged one", async () => {
    await rm(join(paths.pki, "ca.key"));
    await expect(repairPki(paths, identity)).rejects.toThrow(/Cannot use .*ca\.crt and \.key/);
  });

  test("has no certificate of another name", () => {
    expect(() => selected(identity, ["kubelet", "nope"])).toThrow(
      "invalid certificates for control-plane node: nope",
    );
    expect(() => selected({ ...identity, role: "worker" }, ["apiserver"])).toThrow(
      "invalid certificates for worker node: apiserver",
    );
  });
});
