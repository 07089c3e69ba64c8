/** What the command makes of words, without a daemon. */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parseSetting, plainCertificates, residual, schemaOf } from "../src/index.ts";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const k8s = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });

test.each([
  ["network.enabled", "true", true],
  ["dns.service-ip", "10.0.0.1", "10.0.0.1"],
  ["dns.upstream-nameservers", "1.1.1.1, 8.8.8.8", ["1.1.1.1", "8.8.8.8"]],
  ["dns.upstream-nameservers", "[1.1.1.1]", ["1.1.1.1"]],
  ["dns.upstream-nameservers", "", []],
  ["load-balancer.bgp-peer-port", "179", 179],
  ["annotations", "a=b,c=-", { a: "b", c: "-" }],
  ["annotations", "{a: b}", { a: "b" }],
  ["cloud-provider", "external", "external"],
])("%s=%s means %j", async (key, text, expected) => expect(await parseSetting(key, text)).toEqual(expected));

test.each(["nope", "dns.nope", "__proto__", "network.constructor", ""])("%j is no key", async (key) => {
  expect(schemaOf(key)).toBeUndefined();
  await expect(parseSetting(key, "x")).rejects.toThrow("unknown option key");
});

test.each([
  [0, "0m"],
  [59, "59m"],
  [60, "1h"],
  [24 * 60, "1d"],
  [365 * 24 * 60, "1y"],
  [-1, "<invalid>"],
])("%i minutes are left: %s", (minutes, text) => {
  expect(residual(new Date(minutes * 60_000).toISOString(), 0)).toBe(text);
});

test("certificates are a table", () => {
  const certificate = {
    name: "apiserver",
    expires: "2046-08-21T10:00:00Z",
    "certificate-authority": "kubernetes-ca",
    "externally-managed": false,
  };
  const [head, row] = plainCertificates({ certificates: [certificate], "certificate-authorities": [] }).split(
    "\n",
  );
  expect(head).toBe(
    "CERTIFICATE  EXPIRES                 RESIDUAL TIME  CERTIFICATE AUTHORITY  EXTERNALLY MANAGED",
  );
  expect(row).toMatch(/^apiserver {4}Aug 21, 2046 10:00 UTC {2}\d+y +kubernetes-ca +no$/);
});

test("certificates that cannot be read are named below it", () =>
  expect(
    plainCertificates({
      certificates: [],
      "certificate-authorities": [],
      problems: ["Cannot read /x.crt: expected a certificate"],
    }),
  ).toMatch(/^CERTIFICATE .*\n\nProblem: Cannot read \/x\.crt: expected a certificate$/));

test.each([
  [["nope"], /unknown command/],
  [["status", "--nope"], /unknown option/],
  [["status", "--output-format", "xml"], /Allowed choices are plain, json, yaml/],
  [["refresh-certs", "--expires-in", "soon"], /as a duration/],
  [["helm"], /helm is not available/],
  [["remove-node"], /missing required argument/],
  [["completion", "tcsh"], /must be one of: bash, zsh, fish/],
  [["inspect", "--num-snap-log-entries", "all"], /Cannot use --log-lines "all"|permissions/],
  [["inspect", "--timeout", "soon"], /expected a whole number|permissions/],
])("k8s %j fails with its reason on standard error", (args, reason) => {
  const { status, stdout, stderr } = k8s(...args);
  expect(status).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toMatch(reason);
});

test("help and completion are no failures", () => {
  expect(k8s("--help")).toMatchObject({ status: 0 });
  const script = k8s("completion", "bash").stdout;
  expect(
    execFileSync(
      "bash",
      ["-c", `${script}\nCOMP_WORDS=(k8s boot); COMP_CWORD=1; _k8s; echo "\${COMPREPLY[*]}"`],
      { encoding: "utf8" },
    ),
  ).toBe("bootstrap\n");
});
