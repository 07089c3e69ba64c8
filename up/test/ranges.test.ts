import { expect, test } from "vitest";
import { chooseRanges, overlap } from "../src/ranges.ts";

test.each([
  ["10.0.0.0/8", "10.77.0.0/24", true],
  ["10.77.0.0/24", "10.0.0.0/8", true],
  ["10.77.0.0/24", "10.77.1.0/24", false],
  ["172.17.0.0/16", "10.1.0.0/16", false],
  ["10.1.255.255/32", "10.1.0.0/16", true],
])("%s and %s overlap: %s", (one, other, expected) => {
  expect(overlap(one, other)).toBe(expected);
});

test("a range in use is avoided", () => {
  const ranges = chooseRanges(["10.77.0.0/16", "192.168.1.0/24"]);
  expect(ranges.machines).toBe("10.177.0.0/24");
  expect(ranges.pods).toBe("10.1.0.0/16");
});

test("a host whose VPN takes all of 10/8 gets other ranges of every kind", () => {
  const ranges = chooseRanges(["10.0.0.0/8"]);
  for (const range of Object.values(ranges)) expect(overlap(range, "10.0.0.0/8")).toBe(false);
});

test("when nothing is free the error names what is in the way", () => {
  expect(() => chooseRanges(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])).toThrow(
    /No free address range for machines.*10\.0\.0\.0\/8/,
  );
});

test("a range that was asked for and is taken is refused, not replaced", () => {
  expect(() => chooseRanges(["10.50.0.0/16"], { pods: "10.50.0.0/16" })).toThrow(/pods: 10\.50\.0\.0\/16/);
});
