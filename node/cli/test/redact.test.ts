/** Secrets are taken out of texts, known ones by the letter and others by their look. */
import { expect, test } from "vitest";
import { redactor, REMOVED } from "../src/inspect/redact.ts";

const known = "MHcCAQEEIDk0bmV4YWN0bHlvbmVsaW5lb2ZhcHJpdmF0ZWtleQ==";
const redact = redactor([known, "short"]);

test.each([
  [`key ${known} there`, `key ${REMOVED} there`],
  ["-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\nafter", `${REMOVED}\nafter`],
  ["-----BEGIN PRIVATE KEY-----\nno end", REMOVED],
  ["join-cluster eyJ0b2tlbiI6IiIsInNlY3JldCI6Ind9 now", `join-cluster ${REMOVED} now`],
  ["Authorization: Bearer abc.def.ghijkl", `Authorization: Bearer ${REMOVED}`],
  ['"client-key-data": "LS0tLS1CRUdJTg=="', `"client-key-data": "${REMOVED}"`],
  ["secret=worker::0123456789abcdef", `secret=${REMOVED}`],
  ["https://user:hunter22@proxy:3128", `https://user:${REMOVED}@proxy:3128`],
  ["password: longenough", `password: ${REMOVED}`],
])("%j becomes %j", (text, expected) => expect(redact(text)).toBe(expected));

test.each([
  "short is kept",
  "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
  "token of w1",
  "keys: 3",
])("%j stays", (text) => expect(redact(text)).toBe(text));
