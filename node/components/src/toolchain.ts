/**
 * Finds a Go toolchain that is new enough: on the PATH, where distributions put it, or in our cache; where there is only an old one,
 * that one fetches the pinned toolchain as a Go module (verified by Go's checksum database) into the cache.
 */
import { chmod, cp, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { cacheEntry } from "./cache.ts";
import { run } from "./process.ts";
import { goSums, goVersion, oldestGo, type Architecture } from "./versions.ts";

export interface GoToolchain {
  /** The go command. */
  readonly go: string;
  /** As Go says it: go1.26.8. */
  readonly version: string;
}

export class NoToolchainError extends Error {
  override readonly name = "NoToolchainError";
}

export interface ToolchainOptions {
  readonly cacheDir: string;
  /** The oldest version to accept. */
  readonly oldest?: string;
  /** The version to fetch if none is accepted. */
  readonly pinned?: string;
  /** Folders to look for `go` in, in order. */
  readonly searchPath?: readonly string[];
  readonly onPhase?: (phase: string) => void;
}

export const hostArchitecture = (): Architecture => {
  if (process.arch === "x64") return "amd64";
  if (process.arch === "arm64") return "arm64";
  throw new NoToolchainError(`Cannot build for the processor type "${process.arch}": expected x64 or arm64`);
};

/** @throws NoToolchainError which names the package to install. */
export async function goToolchain(options: ToolchainOptions): Promise<GoToolchain> {
  const {
    cacheDir,
    oldest = oldestGo,
    pinned = goVersion,
    searchPath = defaultSearchPath(),
    onPhase,
  } = options;
  const found = await findAll(searchPath);
  const good = found.find((toolchain) => isAtLeast(toolchain.version, oldest));
  if (good) return good;
  const old = found[0];
  const directory = path.join(cacheDir, "toolchain");
  const key = `go${pinned}-linux-${hostArchitecture()}`;
  if (!old && !(await exists(path.join(directory, key, "entry.json")))) {
    throw new NoToolchainError(
      `Cannot build the upstream binaries: no Go compiler was found in ${searchPath.join(", ")}; install one with "apt-get install golang-go" (an old one will do, it then fetches Go ${pinned})`,
    );
  }
  onPhase?.(`fetching Go ${pinned}`);
  const entry = await cacheEntry({
    directory,
    key,
    subject: `the Go ${pinned} toolchain`,
    make: (into) => fetchToolchain(old, pinned, into),
  });
  return { go: path.join(entry.directory, "go/bin/go"), version: `go${pinned}` };
}

function defaultSearchPath(): string[] {
  return [
    ...(process.env["PATH"] ?? "").split(path.delimiter).filter(Boolean),
    "/usr/local/go/bin",
    "/usr/lib/go/bin",
    "/snap/bin",
  ];
}

async function findAll(searchPath: readonly string[]): Promise<GoToolchain[]> {
  const found: GoToolchain[] = [];
  for (const folder of new Set(searchPath)) {
    const go = path.join(folder, "go");
    if (!(await exists(go))) continue;
    const version = await run({
      argv: [go, "env", "GOVERSION"],
      env: goEnvironment({}),
      timeoutMs: 30_000,
    }).catch(() => "");
    if (version.trim()) found.push({ go, version: version.trim() });
  }
  return found;
}

/** Compares versions such as go1.26.8 and 1.26; a release candidate counts as its release. */
export function isAtLeast(version: string, oldest: string): boolean {
  const numbers = (text: string): number[] =>
    (/(\d+(?:\.\d+)*)/.exec(text)?.[1] ?? "0").split(".").map(Number);
  const [have, want] = [numbers(version), numbers(oldest)];
  for (let i = 0; i < Math.max(have.length, want.length); i++) {
    const difference = (have[i] ?? 0) - (want[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Modules are data, not programs: Go's module cache keeps them without the right to execute, so it is set here. */
async function fetchToolchain(
  old: GoToolchain | undefined,
  version: string,
  into: string,
): Promise<Record<string, string>> {
  if (!old)
    throw new NoToolchainError(
      `Cannot fetch Go ${version}: no Go compiler was found; install one with "apt-get install golang-go"`,
    );
  const module = `golang.org/toolchain@v0.0.1-go${version}.linux-${hostArchitecture()}`;
  const emptyModule = await mkdtemp(path.join(tmpdir(), "cantrip-toolchain-"));
  try {
    const answer = await run({
      argv: [old.go, "mod", "download", "-json", module],
      cwd: emptyModule,
      env: goEnvironment({ GOFLAGS: "" }),
    });
    const { Dir: source, Sum: sum } = JSON.parse(answer) as { Dir?: string; Sum?: string };
    const expected = goSums[hostArchitecture()];
    if (version === goVersion && sum !== expected) {
      throw new NoToolchainError(
        `Refused Go ${version}: the module ${module} has the checksum ${sum}, expected ${expected}`,
      );
    }
    if (!source)
      throw new NoToolchainError(
        `Cannot fetch Go ${version}: "${old.go} mod download ${module}" named no directory`,
      );
    const root = path.join(into, "go");
    await cp(source, root, { recursive: true });
    await makeExecutable(root);
    const check = await run({
      argv: [path.join(root, "bin/go"), "version"],
      env: goEnvironment({ GOROOT: undefined }),
    });
    if (!check.includes(`go${version} `))
      throw new NoToolchainError(`Fetched Go ${version}, but it says "${check}"`);
    return { module, from: old.version };
  } finally {
    await rm(emptyModule, { recursive: true, force: true });
  }
}

async function makeExecutable(root: string): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const place = path.join(entry.parentPath, entry.name);
    const relative = path.relative(root, place);
    if (entry.isDirectory()) await chmod(place, 0o755);
    else await chmod(place, /^(bin|pkg\/tool)\//.test(relative) ? 0o755 : 0o644);
  }
}

/** The environment of every Go call: the user's own settings for proxies and caches hold, those that change what is built do not. */
export function goEnvironment(
  settings: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const home = process.env["HOME"] ? {} : { HOME: "/root" };
  return {
    ...home,
    GOTOOLCHAIN: "local",
    GOWORK: "off",
    GOFLAGS: "-mod=readonly",
    GOEXPERIMENT: "",
    GODEBUG: undefined,
    ...settings,
  };
}

const exists = async (place: string): Promise<boolean> =>
  await stat(place).then(
    () => true,
    () => false,
  );
