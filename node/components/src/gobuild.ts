/** Builds Go programs reproducibly: the same sources, toolchain and flags give the same bytes on every host. */
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { run } from "./process.ts";
import { goEnvironment, type GoToolchain } from "./toolchain.ts";
import type { Architecture } from "./versions.ts";

export interface GoBuild {
  readonly toolchain: GoToolchain;
  /** The folder of go.mod. */
  readonly moduleDir: string;
  /** Name of the executable → import path of its main package; "." is the module's own. */
  readonly packages: Readonly<Record<string, string>>;
  /** The folder that gets the executables. */
  readonly output: string;
  readonly architecture: Architecture;
  readonly ldflags?: readonly string[];
  readonly tags?: readonly string[];
  readonly cgo?: boolean;
}

/** The flags and the environment of a build, which are also part of its cache key. */
export function goFlags({
  ldflags = [],
  tags = [],
  cgo = false,
  architecture,
}: Pick<GoBuild, "ldflags" | "tags" | "cgo" | "architecture">) {
  const linking = ["-s", "-w", ...(cgo ? ["-extldflags", "-static"] : []), ...ldflags];
  return {
    arguments: [
      "-trimpath",
      "-buildvcs=false",
      ...(tags.length > 0 ? ["-tags", tags.join(" ")] : []),
      "-ldflags",
      linking.join(" "),
    ],
    environment: {
      CGO_ENABLED: cgo ? "1" : "0",
      GOOS: "linux",
      GOARCH: architecture,
      GOAMD64: "v1",
      GOARM64: "v8.0",
    },
  };
}

/**
 * Builds all packages in one call (so that they share the compiler's work), then gives each its name.
 * @throws CommandError with the compiler's words.
 */
export async function goBuild(build: GoBuild): Promise<void> {
  const { toolchain, moduleDir, packages, output } = build;
  const flags = goFlags(build);
  await mkdir(output, { recursive: true });
  const fresh = await mkdtemp(path.join(output, ".go-build-"));
  try {
    const argv = [
      toolchain.go,
      "build",
      ...flags.arguments,
      "-o",
      `${fresh}/`,
      ...Object.values(packages),
    ] as const;
    await run({
      argv,
      cwd: moduleDir,
      env: goEnvironment(flags.environment),
    });
    for (const [name, importPath] of Object.entries(packages)) {
      await rename(path.join(fresh, await defaultName(moduleDir, importPath)), path.join(output, name));
    }
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** The name that Go gives an executable: the last element of the import path that is not a major version. */
async function defaultName(moduleDir: string, importPath: string): Promise<string> {
  const full = importPath.startsWith(".")
    ? path.posix.join(await modulePath(moduleDir), importPath)
    : importPath;
  const elements = full.split("/").filter((element) => !/^v\d+$/.test(element));
  return elements.at(-1) ?? full;
}

async function modulePath(moduleDir: string): Promise<string> {
  const declared = /^module\s+(\S+)/m.exec(await readFile(path.join(moduleDir, "go.mod"), "utf8"))?.[1];
  if (!declared) throw new TypeError(`Cannot build ${moduleDir}: its go.mod names no module`);
  return declared;
}
