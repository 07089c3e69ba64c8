import { equal } from "node:assert/strict";
import { test } from "vitest";
import { endpoint, nodeAddress, problemOfCidrs } from "../src/index.ts";

test.each([
  ["", undefined],
  ["10.1.0.0/16", undefined],
  ["10.1.0.0/16,fd01::/108", undefined],
  ["fd01::/108,10.1.0.0/16", undefined],
  ["10.0.0.1/8", "10.0.0.1/8 has host bits set"],
  ["10.1.128.0/16", "10.1.128.0/16 has host bits set"],
  ["10.1.128.0/17", undefined],
  ["fd01::1/64", "fd01::1/64 has host bits set"],
  ["::ffff:10.1.0.0/112", undefined],
  ["x", "'x' does not appear to be an IPv4 or IPv6 network"],
  ["10.1.0.0/33", "'10.1.0.0/33' does not appear to be an IPv4 or IPv6 network"],
  ["10.1.0.0/16/3", "'10.1.0.0/16/3' does not appear to be an IPv4 or IPv6 network"],
  ["10.1.0.0/-1", "'10.1.0.0/-1' does not appear to be an IPv4 or IPv6 network"],
  [" 10.1.0.0/16", "' 10.1.0.0/16' does not appear to be an IPv4 or IPv6 network"],
  ["10.1.0.0/16,", "'' does not appear to be an IPv4 or IPv6 network"],
  ["fe80::%eth0/64", "'fe80::%eth0/64' does not appear to be an IPv4 or IPv6 network"],
  ["10.1.0.5/32", "CIDR '10.1.0.5/32' is a single IP address."],
  ["10.1.0.5", "CIDR '10.1.0.5' is a single IP address."],
  ["fd01::1", "CIDR 'fd01::1' is a single IP address."],
  ["10.1.0.0/16,10.2.0.0/16", "o must contain one IPv4 and one IPv6 CIDR block."],
  ["10.1.0.0/16,fd01::/108,fd02::/108", "o must contain 1 or 2 CIDR blocks, not 3."],
])("CIDRs %j", (value, problem) => equal(problemOfCidrs("o", value), problem));

test.each([
  [["10.0.0.1"], undefined, "10.0.0.1"],
  [["fd00::1", "10.0.0.1"], undefined, "10.0.0.1"],
  [["fe80::1", "fd00::1"], undefined, "fd00::1"],
  [["169.254.1.1"], "10.0.0.9", "10.0.0.9"],
  [["127.0.0.1", "::1"], undefined, undefined],
  [[], undefined, undefined],
])("of %j and %j the node is known by %s", (ingressAddresses, bindAddress, expected) =>
  equal(nodeAddress({ ingressAddresses, bindAddress }), expected),
);

test("an endpoint brackets IPv6", () => {
  equal(endpoint("10.0.0.1", 6400), "10.0.0.1:6400");
  equal(endpoint("fd00::1", 6400), "[fd00::1]:6400");
});
