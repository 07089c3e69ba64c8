import { expect, test } from "vitest";
import { ResultKeyError } from "@cantrip/lib";
import { flattenResults } from "../src/framework/results.ts";
import { splitText } from "../src/log/split.ts";

test("nested results become dotted keys of text", () => {
  expect(flattenResults({ a: { b: 1, c: { d: true } }, e: "" })).toEqual({
    "a.b": "1",
    "a.c.d": "true",
    e: "",
  });
  expect(flattenResults({})).toEqual({});
});

test.each([
  [{ A: 1 }, "A"],
  [{ "": 1 }, ""],
  [{ a: { "-b": 1 } }, "a.-b"],
  [{ stdout: "x" }, "stdout"],
  [{ "a.b": 1, a: { b: 2 } }, "a.b"],
  [{ "a..b": 1 }, "a..b"],
])("refused: %o", (results, key) => {
  expect(() => flattenResults(results)).toThrow(ResultKeyError);
  expect(() => flattenResults(results)).toThrow(`Cannot use "${key}"`);
});

test("results that contain themselves are refused, not followed", () => {
  const results: { a?: unknown } = {};
  results.a = results;
  expect(() => flattenResults(results as never)).toThrow(ResultKeyError);
});

test.each([
  ["", 10, [""]],
  ["abc", 10, ["abc"]],
  ["abcdef", 4, ["abcd", "ef"]],
  ["aéé", 4, ["aé", "é"]],
  ["😀😀", 5, ["😀", "😀"]],
] as const)("text %o in parts of %d bytes", (text, limit, parts) => {
  expect(splitText(text, limit)).toEqual(parts);
});

test("a long text is cut at the limit of an argument, and nothing is lost", () => {
  const text = "é".repeat(200_000);
  const parts = splitText(text, 131_071);
  expect(parts.join("")).toBe(text);
  expect(Math.max(...parts.map((part) => Buffer.byteLength(part)))).toBeLessThanOrEqual(131_071);
});
