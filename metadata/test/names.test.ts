import { expect, test } from "vitest";
import * as fc from "fast-check";
import {
  NameError,
  applicationOf,
  compareUnits,
  isActionName,
  isApplicationName,
  isEndpointName,
  isMachineId,
  isModelName,
  isStorageId,
  isUnitName,
  machineTag,
  parseApplicationName,
  parseMachineId,
  parseSecretId,
  parseUnitName,
  unitName,
  unitNumberOf,
  unitTag,
} from "@cantrip/metadata";

const long = "a".repeat(100_000);

test.each([
  [
    "application",
    isApplicationName,
    ["a", "k8s", "k8s-worker", "a-b2-3c"],
    ["", "K8s", "a-2", "a--b", "-a", "a-", "2a", "a_b", "a/0", "a\n", long],
  ],
  [
    "unit",
    isUnitName,
    ["a/0", "k8s-worker/12"],
    ["a", "a/", "a/01", "a/-1", "/0", "a/0/1", "a/0\n", "A/0", `a/${"9".repeat(400)}`],
  ],
  [
    "endpoint",
    isEndpointName,
    ["db", "kube-control", "cos_agent", "a1-2"],
    ["", "1a", "-a", "a-", "a__b", "a--b", "__proto__", "Db"],
  ],
  ["storage instance", isStorageId, ["data/0", "my-data/11"], ["data", "data/x", "data/00"]],
  ["model", isModelName, ["m", "0", "my-model-2"], ["", "-m", "M", "m_1"]],
  ["machine", isMachineId, ["0", "12", "0/lxd/1"], ["", "01", "a", "0/lxd", "0/LXD/1", "/0"]],
  ["action", isActionName, ["get-kubeconfig", "a", "2"], ["", "-a", "a-", "A", "a_b"]],
] as const)("%s names are told from others", (_, is, good, bad) => {
  expect(good.filter((name) => !is(name))).toEqual([]);
  expect(bad.filter((name) => is(name))).toEqual([]);
});

test.each([undefined, null, 0, {}, [], ["a"], Symbol.iterator])("%o is no name", (value) => {
  expect(isApplicationName(value)).toBe(false);
  expect(() => parseUnitName(value)).toThrow(NameError);
});

test("the error quotes the name and says what is expected, and stays short", () => {
  expect(() => parseUnitName("k8s")).toThrow(
    'Cannot use "k8s" as a unit name: expected "application/number"',
  );
  expect(() => parseApplicationName("A")).toThrow("an application name");
  const error = (() => {
    try {
      return parseUnitName(long);
    } catch (thrown) {
      return thrown as NameError;
    }
  })();
  expect((error as NameError).message.length).toBeLessThan(200);
});

test("units have an application, a number, a tag and an order", () => {
  const unit = parseUnitName("k8s-worker/10");
  expect([applicationOf(unit), unitNumberOf(unit), unitTag(unit)]).toEqual([
    "k8s-worker",
    10,
    "unit-k8s-worker-10",
  ]);
  expect(unitName(parseApplicationName("k8s"), 3)).toBe("k8s/3");
  expect(machineTag(parseMachineId("0/lxd/1"))).toBe("machine-0-lxd-1");
  const units = ["b/0", "a/10", "a/2"].map(parseUnitName);
  expect(units.toSorted(compareUnits)).toEqual(["a/2", "a/10", "b/0"]);
});

test("every form of a secret's id names the same secret", () => {
  const id = "d1u5j4nmp25c7a8k2v10";
  const forms = [id, `secret:${id}`, `secret://00000000-0000-4000-8000-000000000000/${id}`];
  expect(forms.map(parseSecretId)).toEqual([id, id, id]);
  expect(() => parseSecretId("secret:short")).toThrow(NameError);
});

test("a composed unit name always parses back", () => {
  const app = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  fc.assert(
    fc.property(app, fc.nat(), (name, number) => {
      const unit = unitName(parseApplicationName(name), number);
      return applicationOf(unit) === name && unitNumberOf(unit) === number;
    }),
  );
});
