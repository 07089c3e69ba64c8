/**
 * Builds the hook tool into a cache that is keyed by its sources, flags and architecture: an unchanged tool is built once.
 * Uses Go's standard library only, so no module is downloaded.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const sources = ["go.mod", "main.go"];
// Unstamped: the same sources give the same tool, and a tree that belongs to another user is none of git's.
const flags = ["build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w"];
const goArchitectures: Record<string, string> = { x64: "amd64", arm64: "arm64" };

export interface BuildOptions {
  /** directory that keeps built tools */
  readonly cache: string;
  /** path of the go command; default: $CANTRIP_GO, else `go` on the PATH */
  readonly go?: string;
  readonly architecture?: string;
}

/** @returns the path of the built tool */
export async function buildHookTool({
  cache,
  go = process.env["CANTRIP_GO"] ?? "go",
  architecture = process.arch,
}: BuildOptions): Promise<string> {
  const goArch = goArchitectures[architecture];
  if (!goArch) throw new Error(`cannot build the hook tool for "${architecture}": expected x64 or arm64`);
  const target = join(cache, `hooktool-${await sourceKey(goArch)}`);
  if (await isExecutable(target)) return target;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, ".build-"));
  try {
    const env = {
      ...process.env,
      CGO_ENABLED: "0",
      GOARCH: goArch,
      GOOS: "linux",
      GOFLAGS: "",
      GOWORK: "off",
      GOTOOLCHAIN: "local",
      GOPROXY: "off",
    };
    await run(go, [...flags, "-o", join(work, "hooktool"), "."], {
      cwd: import.meta.dirname,
      env,
      timeout: 180_000,
    });
    await rename(join(work, "hooktool"), target);
  } catch (error) {
    throw new Error(`cannot build the hook tool with "${go}": expected Go 1.19 or newer`, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return target;
}

async function sourceKey(goArch: string): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([flags, goArch]));
  for (const name of sources) hash.update(await readFile(join(import.meta.dirname, name)));
  return hash.digest("hex").slice(0, 16);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
