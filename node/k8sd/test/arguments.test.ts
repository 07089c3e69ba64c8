/** Argument files: data that users edit. */
import { expect, test } from "vitest";
import { checkedChanges, parseArguments, renderArguments, withArguments } from "../src/node/arguments.ts";

test.each([
  ["--a=b", { "--a": "b" }],
  ['--a="b c"', { "--a": "b c" }],
  ["--a b", { "--a": "b" }],
  ["--a", { "--a": "true" }],
  ["--a=", { "--a": "" }],
  ["  --a=$(reboot)  ", { "--a": "$(reboot)" }],
  ["# --a=b", {}],
  ["rm -rf /", {}],
  ["--labels=x=y,z=w", { "--labels": "x=y,z=w" }],
])("the line %j means %j", (line, expected) => expect(parseArguments(line)).toEqual(expected));

test("new files are sorted, with the user's changes over the defaults", () => {
  expect(renderArguments({ "--b": "1", "--a": "2", "--c": "3" }, { "--c": null, a: "4", "--d": "5" })).toBe(
    "--a=4\n--b=1\n--d=5\n",
  );
});

test("a change touches its own flags alone", () => {
  const text = "# mine\n--keep=1\n--change=1\n\n--drop=1\nodd line\n";
  expect(withArguments(text, { "--change": "2", "--drop": null, "--new": "3", "--gone": null })).toBe(
    "# mine\n--keep=1\n--change=2\nodd line\n--new=3\n",
  );
});

test.each([["--a\n--b"], ["--a b"], ["a;b"], ["--"], [""]])("%j is no flag", (flag) => {
  expect(() => checkedChanges({ [flag]: "x" })).toThrow("expected --name");
});

test.each(["x\n--authorization-mode=AlwaysAllow", "x\r", "x\0"])(
  "a value cannot bring a second flag: %j",
  (value) => {
    expect(() => checkedChanges({ "--a": value })).toThrow("without line breaks");
  },
);
