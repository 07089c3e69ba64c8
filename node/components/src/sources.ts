/** Where a component's binaries can come from, behind one interface: built from pinned Go modules, or an official release. */
import { access, chmod, mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { goBuild, goFlags } from "./gobuild.ts";
import { buildKey, checkPins, sourceDigests } from "./key.ts";
import { run } from "./process.ts";
import { moduleLicences, packageLicences } from "./licences.ts";
import { hostArchitecture, type GoToolchain } from "./toolchain.ts";
import {
  moduleDir,
  type Architecture,
  type CComponent,
  type Component,
  type GoComponent,
} from "./versions.ts";

export interface SourceContext {
  readonly architecture: Architecture;
  /** Asked for only by what needs it; remembered by the caller. */
  readonly toolchain: () => Promise<GoToolchain>;
}

/** Tells what is going on, in words. */
export type Report = (phase: string) => void;

export interface Plan {
  /** Content-addressed: the same key means the same binaries. */
  readonly key: string;
  /** Where it comes from, if that is not what the source's id says. */
  readonly from?: string;
  /**
   * Fills an empty directory: `bin/`, and `licences.txt` with the licences of all that is linked in.
   * @throws SourceRefusal if this source turns out not to be there: the next one is asked
   */
  readonly make: (directory: string, report: Report) => Promise<void>;
}

export interface ComponentSource {
  readonly id: string;
  /** @throws SourceRefusal if this source has no such component. */
  readonly plan: (component: Component, context: SourceContext) => Promise<Plan>;
}

export class SourceRefusal extends Error {
  override readonly name = "SourceRefusal";
}

export const goModules: ComponentSource = {
  id: "Go modules",
  plan: async (component, context) =>
    component.kind === "go" ? await planGo(component, context) : await planC(component, context),
};

async function planGo(component: GoComponent, { architecture, toolchain }: SourceContext): Promise<Plan> {
  const directory = moduleDir(component.name);
  const sources = await sourceDigests(directory);
  checkPins(
    await readFile(path.join(directory, "go.mod"), "utf8"),
    pinsOf(component),
    path.join(directory, "go.mod"),
  );
  const flags = goFlags({ ...component, cgo: component.cgo !== undefined, architecture });
  const native = component.cgo ? await nativeTools(component, component.cgo, architecture) : [];
  const go = await toolchain();
  const key = buildKey({
    name: component.name,
    sources,
    toolchain: [go.version, ...native].join("\n"),
    flags: [component.commands, flags],
    architecture,
  });
  const build = {
    ...component,
    cgo: component.cgo !== undefined,
    architecture,
    toolchain: go,
    moduleDir: directory,
    packages: component.commands,
  };
  return {
    key,
    make: async (into) => {
      await goBuild({ ...build, output: path.join(into, "bin") });
      await moduleLicences(build, path.join(into, "licences.txt"));
      await packageLicences(component.cgo?.linked ?? [], path.join(into, "licences.txt"));
    },
  };
}

export const pinsOf = ({ module, siblings = [], version }: GoComponent): Record<string, string> =>
  Object.fromEntries([module, ...siblings].map((name) => [name, version]));

/** Names the versions of the C tools that go into a static binary. @throws SourceRefusal naming the packages to install. */
async function nativeTools(
  component: Component,
  cgo: NonNullable<GoComponent["cgo"]>,
  architecture: Architecture,
): Promise<string[]> {
  checkNative(component, architecture);
  const install = `install what it needs with "apt-get install ${cgo.packages.join(" ")}"`;
  try {
    const compiler = await run({ argv: ["gcc", "-dumpfullversion"] });
    const libraries = await Promise.all(
      cgo.libraries.map(async (name) => await run({ argv: ["pkg-config", "--modversion", name] })),
    );
    for (const header of cgo.headers) await access(path.join("/usr/include", header));
    return [compiler, ...libraries, ...cgo.linked];
  } catch (error) {
    throw new SourceRefusal(`${component.name} is partly C and cannot be built here; ${install}`, {
      cause: error,
    });
  }
}

/** Go compiles for any processor; the C compiler of this host only for its own. */
function checkNative({ name }: Component, architecture: Architecture): void {
  if (architecture === hostArchitecture()) return;
  throw new SourceRefusal(
    `${name} is partly C and can be built for ${architecture} only on such a machine: build the package there`,
  );
}

async function planC(component: CComponent, { architecture }: SourceContext): Promise<Plan> {
  checkNative(component, architecture);
  const directory = moduleDir(component.name);
  const compiler = await run({ argv: ["gcc", "-dumpfullversion"] }).catch((error: unknown) => {
    throw new SourceRefusal(
      `${component.name} is a C program and cannot be built here; install a compiler with "apt-get install gcc libc6-dev"`,
      { cause: error },
    );
  });
  const flags = [
    "-static",
    "-Os",
    "-s",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wl,--build-id=none",
    `-DVERSION="${component.version}"`,
  ];
  const key = buildKey({
    name: component.name,
    sources: await sourceDigests(directory),
    toolchain: [`gcc ${compiler}`, ...(component.linked ?? [])].join("\n"),
    flags,
    architecture,
  });
  const make = async (into: string): Promise<void> => {
    await mkdir(path.join(into, "bin"));
    for (const [name, source] of Object.entries(component.commands)) {
      const output = path.join(into, "bin", name);
      await run({ argv: ["gcc", ...flags, "-o", output, source], cwd: directory });
      await chmod(output, 0o755);
    }
    await packageLicences(component.linked ?? [], path.join(into, "licences.txt"));
  };
  return { key, from: "this project's own source", make };
}
