/** A minimal hook of a packed charm that runs two tools, against the same runtime spawning two empty processes. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { packCharm } from "@cantrip/lib/pack";
import { execa } from "execa";
import { against, median, type Benchmark } from "./figure.ts";

const rounds = 15;
const charmcraft = `name: minimal
type: charm
title: Minimal
summary: One hook that reads config and sets a status
description: One hook that reads config and sets a status
base: ubuntu@24.04
platforms: {amd64: null}
parts: {charm: {plugin: nil}}
config: {options: {word: {type: string, default: hello}}}
`;
const main = `import { Charm, main, type Framework } from "@cantrip/lib";
class Minimal extends Charm {
  constructor(framework: Framework) {
    super(framework);
    framework.observe(this.on.configChanged, async () => {
      const { word } = await this.model.config();
      await this.model.unit.setStatus({ status: "active", message: String(word) });
    });
  }
}
await main(Minimal);
`;

async function timed(
  command: string,
  argv: readonly string[],
  env: Record<string, string>,
  cwd: string,
): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await execa(command, argv, { env, extendEnv: false, cwd });
    times.push(performance.now() - began);
  }
  return median(times);
}

export const hook: Benchmark = async () => {
  const scratch = mkdtempSync(join(import.meta.dirname, ".hook-"));
  try {
    const source = join(scratch, "source");
    mkdirSync(join(source, "src"), { recursive: true });
    writeFileSync(join(source, "charmcraft.yaml"), charmcraft);
    writeFileSync(join(source, "src/main.ts"), main);
    writeFileSync(join(source, "package.json"), '{"type":"module"}');
    const archive = join(mkdtempSync(join(tmpdir(), "cantrip-hook-")), "minimal.charm");
    await packCharm({ dir: source, out: archive, runtime: "host" });
    const charm = join(scratch, "charm");
    await execa("python3", ["-m", "zipfile", "-e", archive, charm]);
    chmodSync(join(charm, "dispatch"), 0o755);
    rmSync(dirname(archive), { recursive: true, force: true });
    // The hook tools answer at once: what is measured is the framework, not the controller.
    const tools = join(scratch, "tools");
    mkdirSync(tools);
    const answer = join(tools, "config-get");
    writeFileSync(answer, '#!/bin/sh\necho \'{"word":"hello"}\'\n', { mode: 0o755 });
    for (const tool of ["status-set", "juju-log", "is-leader", "status-get"])
      symlinkSync("/bin/true", join(tools, tool));
    mkdirSync(join(charm, "runtime"), { recursive: true });
    symlinkSync(process.execPath, join(charm, "runtime/node"));
    const env = {
      PATH: `${tools}:/usr/bin:/bin`,
      JUJU_CHARM_DIR: charm,
      CHARM_DIR: charm,
      JUJU_DISPATCH_PATH: "hooks/config-changed",
      JUJU_HOOK_NAME: "config-changed",
      JUJU_UNIT_NAME: "minimal/0",
      JUJU_MODEL_NAME: "bench",
      JUJU_MODEL_UUID: "00000000-0000-4000-8000-000000000000",
      JUJU_VERSION: "3.6.11",
    };
    await execa(join(charm, "dispatch"), [], { env, extendEnv: false, cwd: charm });
    const ours = await timed(join(charm, "dispatch"), [], env, charm);
    const spawnTwo =
      'const { spawnSync } = require("node:child_process"); spawnSync("/bin/true"); spawnSync("/bin/true");';
    const bare = await timed(process.execPath, ["-e", spawnTwo], env, charm);
    return [
      against("minimal hook", ours, "ms", { name: "the runtime and two empty processes", value: bare }, 2),
    ];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};
