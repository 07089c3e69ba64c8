import { assert, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkAddress,
  contains,
  formatAddress,
  gatewayOf,
  overlaps,
  parseAddress,
  parseSubnet,
  pickAddress,
} from "../src/subnet.ts";

describe("ranges", () => {
  test("addresses are read as they are written", () => {
    assert(
      property(
        integer({ min: 0, max: 2 ** 32 - 1 }),
        (value) => parseAddress(formatAddress(value)) === value,
      ),
    );
  });

  test.each(["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d", "1.2.3.4/8", " 1.2.3.4"])(
    "%j is no address",
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );

  test.each(["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "x/8", "10.0.0.0/", "::/0", "10.0.0.0/-1"])(
    "%j is no range",
    (text) => {
      expect(() => parseSubnet(text)).toThrow("expected IPv4");
    },
  );

  test("a range starts where its prefix says", () => {
    expect(parseSubnet("10.78.1.77/24")).toMatchObject({ base: parseAddress("10.78.1.0"), size: 256 });
    expect(gatewayOf(parseSubnet("10.78.1.77/24"))).toBe("10.78.1.1");
  });

  test.each([
    ["10.0.0.0/8", "10.1.0.0/16", true],
    ["10.1.0.0/16", "10.0.0.0/8", true],
    ["10.0.0.0/24", "10.0.1.0/24", false],
    ["0.0.0.0/0", "192.0.2.1/32", true],
    ["192.0.2.0/25", "192.0.2.128/25", false],
  ])("%s and %s overlap: %s", (a, b, expected) => {
    expect(overlaps(parseSubnet(a), parseSubnet(b))).toBe(expected);
  });

  test("a picked address is free, inside, and not the host's", () => {
    const subnet = parseSubnet("10.78.1.0/28");
    const taken = new Set<string>();
    for (let count = 0; count < 5; count++) {
      const address = pickAddress(subnet, taken);
      expect(contains(subnet, parseAddress(address) ?? 0)).toBe(true);
      expect(() => checkAddress(subnet, address, taken)).not.toThrow();
      taken.add(address);
    }
    expect([...taken][0]).toBe("10.78.1.10");
    expect(() => pickAddress(subnet, taken)).toThrow("5 are taken");
  });

  test.each(["10.78.1.0", "10.78.1.1", "10.78.1.255", "10.78.2.5", "nowhere"])(
    "%s is no machine's address in 10.78.1.0/24",
    (address) => {
      expect(() => checkAddress(parseSubnet("10.78.1.0/24"), address, new Set())).toThrow("expected one of");
    },
  );
});
