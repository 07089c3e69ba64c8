import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { askForConfig } from "../src/interactive.ts";

async function answering(...answers: string[]) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let said = "";
  output.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    if (chunk.toString().endsWith("]: ")) {
      const next = answers.shift();
      if (next === undefined) input.end();
      else input.write(`${next}\n`);
    }
  });
  return { config: askForConfig(input, output), said: () => said };
}

test("empty answers are the defaults", async () => {
  const { config } = await answering("", "", "");
  expect(await config).toEqual({
    "cluster-config": { network: { enabled: true }, dns: { enabled: true } },
    "pod-cidr": "10.1.0.0/16",
    "service-cidr": "10.152.183.0/24",
  });
});

test("a wrong answer is said and asked for again", async () => {
  const { config, said } = await answering("network, lasers", "dns", "here", "10.9.0.0/16", "10.10.0.0/16");
  expect(await config).toEqual({
    "cluster-config": { dns: { enabled: true } },
    "pod-cidr": "10.9.0.0/16",
    "service-cidr": "10.10.0.0/16",
  });
  expect(said()).toContain('Cannot enable "lasers", must be of: network, dns');
  expect(said()).toContain('Cannot use "here" as a range: expected an IPv4 CIDR such as 10.1.0.0/16');
});

test.each([
  ["999.1.1.1/99", 'Cannot use "999.1.1.1/99" as a range: expected an IPv4 CIDR such as 10.1.0.0/16'],
  ["10.1.2.3/16", "expected it to start at 10.1.0.0/16"],
  ["10.1.0.0/24", "too small"],
  ["10.152.183.0/24", "too small"],
  ["fd00::/64", "IPv6 and dual-stack ranges are not supported yet"],
])("the range %s is no answer for pods", async (wrong, reason) => {
  const { config, said } = await answering("dns", wrong, "10.9.0.0/16", "10.10.0.0/16");
  expect(await config).toMatchObject({ "pod-cidr": "10.9.0.0/16", "service-cidr": "10.10.0.0/16" });
  expect(said().split("Please set the Pod CIDR")).toHaveLength(3);
  expect(said()).toContain(reason);
});

test.each([
  ["999.1.1.1/99", 'Cannot use "999.1.1.1/99" as a range'],
  ["10.2.0.0/24", "pod-cidr 10.0.0.0/8 overlaps service-cidr 10.2.0.0/24"],
  ["", "pod-cidr 10.0.0.0/8 overlaps service-cidr 10.152.183.0/24"],
  ["172.16.0.0/30", "too small"],
])("the range %j is no answer for services beside the pods'", async (wrong, reason) => {
  const { config, said } = await answering("dns", "10.0.0.0/8", wrong, "172.16.0.0/16");
  expect(await config).toMatchObject({ "pod-cidr": "10.0.0.0/8", "service-cidr": "172.16.0.0/16" });
  expect(said()).toContain(reason);
});

test("an input that ends is no answer", async () => {
  const { config } = await answering("");
  await expect(config).rejects.toThrow("nothing was changed");
});
