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
  expect(said()).toContain('Expected a range such as 10.1.0.0/16, got "here"');
});

test("an input that ends is no answer", async () => {
  const { config } = await answering("");
  await expect(config).rejects.toThrow("nothing was changed");
});
