/** Clients that we did not write, unmodified: jubilant over the command, python-libjuju over the API. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NspawnMachines } from "@cantrip/machines";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { machinesFor } from "../command/machines.ts";
import { Server } from "../command/server.ts";
import { packCharm } from "../support/charm.ts";

const server = new Server();
const python = join(server.directory, "venv", "bin", "python");
let machines: NspawnMachines | undefined;
/** why nothing can be tested here */
let missing: string | undefined;

beforeAll(async () => {
  missing = await install();
  if (missing !== undefined) return;
  const made = await machinesFor(server.directory);
  machines = made.machines;
  await server.start({ machinesConfig: made.configPath });
  await packCharm(server.directory, {
    name: "tiny",
    dispatch:
      'case "$JUJU_DISPATCH_PATH" in hooks/start) status-set active ;; actions/hello) action-set greeting="hello $(action-get name)" ;; esac\n',
    metadata:
      "provides:\n  site: {interface: http}\nrequires:\n  db: {interface: http}\nresources:\n  blob: {type: file, filename: blob.tar}\n",
    config: "options:\n  port: {type: int, default: 80}\n  title: {type: string}\n",
    actions: "hello:\n  params:\n    name: {type: string, default: you}\n",
  });
  writeFileSync(join(server.directory, "blob.tar"), "a blob");
  const script = new URL("../command/cantrip.ts", import.meta.url).pathname;
  writeFileSync(join(server.directory, "juju"), `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`);
  chmodSync(join(server.directory, "juju"), 0o755);
});

afterAll(async () => {
  await server.stop();
  await machines?.cleanup();
  await machines?.restore();
  server.clean();
});

async function install(): Promise<string | undefined> {
  try {
    await execa("python3", ["-m", "venv", join(server.directory, "venv")], { timeout: 60_000 });
    await execa(python, ["-m", "pip", "install", "--quiet", "juju==3.6.1.3", "jubilant>=1.8,<2"], {
      timeout: 240_000,
    });
    return undefined;
  } catch (error) {
    return `python clients cannot be installed: ${(error as Error).message.split("\n")[0] ?? ""}`;
  }
}

async function driven(script: string, args: readonly string[]): Promise<unknown> {
  const path = new URL(script, import.meta.url).pathname;
  const env = { CANTRIP_DATA: server.data, JUJU_DATA: server.data };
  const { stdout, stderr } = await execa(python, [path, ...args], { env, timeout: 300_000 });
  expect(stderr).not.toContain("unexpected facade");
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

const charm = join(server.directory, "tiny.charm");
const blob = join(server.directory, "blob.tar");

test("jubilant", async ({ skip }) => {
  skip(missing !== undefined, missing);
  expect(await driven("jubilant_drive.py", [join(server.directory, "juju"), charm, blob])).toEqual({
    charm: "local:tiny-0",
    port: 81,
    interval: "1m",
    exec: "hi\n",
    machine: "there\n",
    failed: 3,
    action: { greeting: "hello x" },
    "tiny/0 nope": "ValueError",
    "tiny/9 hello": "ValueError",
    ssh: "ubuntu",
    model: "jub",
    secrets: 0,
  });
});

test("python-libjuju", async ({ skip }) => {
  skip(missing !== undefined, missing);
  expect(await driven("libjuju_drive.py", [charm, blob])).toEqual({
    port: 83,
    action: ["completed", { "return-code": 0, greeting: "hello x" }],
    exec: "hi\n",
    nope: "ValueError",
    relation: "tiny:db other:site",
    units: ["tiny/2"],
    status: ["other", "tiny"],
    annotations: { k: "v" },
    machine: "4",
  });
});
