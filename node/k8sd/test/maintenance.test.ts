import { expect, test } from "vitest";
import { isWasteful } from "../src/cluster/maintenance.ts";

const MIB = 1024 ** 2;
const file = (size: number, used: number) => ({
  dbSize: String(size * MIB),
  dbSizeInUse: String(used * MIB),
});

test.each([
  ["a small file is left alone, however empty", 60, 1, false],
  ["a large one that is half empty is rewritten", 200, 100, true],
  ["a large one in good use is not", 1000, 600, false],
  ["nor is one of which little would be won", 120, 60, false],
])("%s", (_, size, used, expected) => expect(isWasteful(file(size, used), false)).toBe(expected));

test.each([
  ["every bit counts when etcd is full", 32, 24, true],
  ["but what is in use cannot be won", 32, 31, false],
])("%s", (_, size, used, expected) => expect(isWasteful(file(size, used), true)).toBe(expected));
