/**
 * What the framework costs: a minimal hook (read an option, set a status) against the runtime alone and against `ops` for Python
 * doing the same, its memory, hooks in memory, and the model's events. Hook tools do nothing: what is measured is the framework.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Charm, type Framework } from "@cantrip/lib";
import { packCharm } from "@cantrip/lib/pack";
import { dispatch } from "@cantrip/lib/testing";
import { execa } from "execa";
import { UnpackedCharm } from "../../lib/test/harness/unpacked.ts";
import { definitionOfCharm } from "../../lib/test/harness/world.ts";
import { opsPython, opsVersion } from "../compat/ops/python.ts";
import { type Benchmark, type Figure, against, median } from "./figure.ts";
import { modelFigures } from "./model-events.ts";

const rounds = 15;
const inMemory = 4_000;

interface Program {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

const pythonCharm = `import ops

class MinimalCharm(ops.CharmBase):
    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.config_changed, self._on_config_changed)

    def _on_config_changed(self, event):
        self.unit.status = ops.ActiveStatus(str(self.config["greeting"]))

ops.main(MinimalCharm)
`;

class Minimal extends Charm<{ config: { greeting: string } }> {
  constructor(framework: Framework) {
    super(framework);
    framework.observe(this.on.configChanged, async () => {
      const { greeting } = await this.model.config();
      await this.model.unit.setStatus({ status: "active", message: greeting });
    });
  }
}

/** Programs take turns, so that what else the machine does falls on all of them alike. */
async function medians(programs: Readonly<Record<string, Program>>): Promise<Record<string, number>> {
  const times: Record<string, number[]> = {};
  for (let round = -1; round < rounds; round += 1)
    for (const [name, { argv, env, cwd }] of Object.entries(programs)) {
      const began = performance.now();
      await execa(argv[0], argv.slice(1), { env, extendEnv: false, cwd });
      // The first round fills the caches of all.
      if (round >= 0) (times[name] ??= []).push(performance.now() - began);
    }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
}

/** The largest resident size of a program and of those that it ran, MiB. */
async function peakMemory({ argv, env, cwd }: Program): Promise<number> {
  const measure =
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
  const { stdout } = await execa("python3", ["-c", measure, ...argv], { env, extendEnv: false, cwd });
  return Number(stdout.trim().split("\n").at(-1)) / 1024;
}

function emptyTools(scratch: string): string {
  const tools = join(scratch, "tools");
  mkdirSync(tools);
  writeFileSync(join(tools, "config-get"), '#!/bin/sh\necho \'{"greeting":"hello"}\'\n', { mode: 0o755 });
  writeFileSync(join(tools, "is-leader"), "#!/bin/sh\necho true\n", { mode: 0o755 });
  for (const tool of ["status-set", "juju-log"]) symlinkSync("/bin/true", join(tools, tool));
  return tools;
}

function hookEnv(tools: string, charmDir: string): Record<string, string> {
  return {
    PATH: `${tools}:/usr/local/bin:/usr/bin:/bin`,
    JUJU_CHARM_DIR: charmDir,
    JUJU_DISPATCH_PATH: "hooks/config-changed",
    JUJU_HOOK_NAME: "config-changed",
    JUJU_UNIT_NAME: "minimal/0",
    JUJU_MODEL_NAME: "bench",
    JUJU_MODEL_UUID: "00000000-0000-4000-8000-000000000000",
    JUJU_VERSION: "3.6.14",
  };
}

function pythonProgram(scratch: string, tools: string, charm: UnpackedCharm, site: string): Program {
  const dir = join(scratch, "python");
  mkdirSync(join(dir, "src"), { recursive: true });
  for (const name of ["metadata.yaml", "config.yaml"]) copyFileSync(join(charm.dir, name), join(dir, name));
  writeFileSync(join(dir, "src", "charm.py"), pythonCharm);
  // As charmcraft writes it.
  const start = `#!/bin/sh\nPYTHONPATH=${site} exec python3 ./src/charm.py\n`;
  writeFileSync(join(dir, "dispatch"), start, { mode: 0o755 });
  return { argv: [join(dir, "dispatch")], env: hookEnv(tools, dir), cwd: dir };
}

async function hookFigures(scratch: string, say: (line: string) => void): Promise<Figure[]> {
  const charm = await UnpackedCharm.of("minimal");
  try {
    charm.linkRuntime();
    const tools = emptyTools(scratch);
    const env = hookEnv(tools, charm.dir);
    const spawnTwo =
      'const { spawnSync } = require("node:child_process"); spawnSync("/bin/true"); spawnSync("/bin/true");';
    const ours: Program = { argv: [join(charm.dir, "dispatch")], env, cwd: charm.dir };
    const bare: Program = { argv: [process.execPath, "-e", spawnTwo], env, cwd: charm.dir };
    const ops = await opsPython();
    if ("missing" in ops) say(`without ops: ${ops.missing}`);
    const theirs = "missing" in ops ? undefined : pythonProgram(scratch, tools, charm, ops.site);
    const ms = await medians({ ours, bare, ...(theirs === undefined ? {} : { theirs }) });
    const besideOps = { name: `ops ${opsVersion} for Python`, value: ms["theirs"] ?? Number.NaN };
    const memory = await peakMemory(ours);
    return [
      against(
        "minimal hook",
        ms["ours"] ?? 0,
        "ms",
        { name: "the runtime and two empty processes", value: ms["bare"] ?? 0 },
        1.3,
      ),
      ...(theirs === undefined ? [] : [against("minimal hook", ms["ours"] ?? 0, "ms", besideOps, 0.35)]),
      theirs === undefined
        ? { name: "memory of a hook", value: memory, unit: "MiB" }
        : against("memory of a hook", memory, "MiB", {
            name: besideOps.name,
            value: await peakMemory(theirs),
          }),
    ];
  } finally {
    charm.remove();
  }
}

async function scenarios(): Promise<Figure> {
  const definition = await definitionOfCharm("minimal");
  const run = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await dispatch(Minimal, "config-changed", {}, { definition });
  };
  await run(500);
  const began = performance.now();
  await run(inMemory);
  const perSecond = inMemory / ((performance.now() - began) / 1000);
  return {
    name: "hooks in memory",
    value: perSecond,
    unit: "hooks/s",
    goal: "≥ 2000",
    ok: perSecond >= 2_000,
  };
}

/** With the runtime, as for Juju: most of it is the compression of that one file. */
async function packing(scratch: string): Promise<Figure> {
  const out = `${scratch}/packed/`;
  const began = performance.now();
  await packCharm({ dir: join(import.meta.dirname, "../../charms/k8s"), out });
  const seconds = (performance.now() - began) / 1000;
  const zipBegan = performance.now();
  await execa("python3", ["-m", "zipfile", "-c", join(scratch, "runtime.zip"), process.execPath]);
  const zip = {
    name: "the runtime alone, by Python's zipfile",
    value: (performance.now() - zipBegan) / 1000,
  };
  return { ...against("pack of the charm k8s", seconds, "s", zip), goal: "< 5 s", ok: seconds < 5 };
}

export const lib: Benchmark = async (say) => {
  const scratch = mkdtempSync(join(tmpdir(), "cantrip-bench-lib-"));
  try {
    say("a minimal hook …");
    const hooks = await hookFigures(scratch, say);
    say("hooks in memory …");
    const memory = await scenarios();
    say("packing …");
    const pack = await packing(scratch);
    say("the model …");
    return [...hooks, memory, pack, ...modelFigures()];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};
