/** Gets every component from the first source that has it, through the cache. */
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { cacheEntry, type CachedFile, type CacheEntry } from "./cache.ts";
import { sha256, writeFileAtomically } from "./files.ts";
import { goBuild, goFlags } from "./gobuild.ts";
import { buildKey, sourceDigests } from "./key.ts";
import { officialReleases } from "./releases.ts";
import {
  goModules,
  SourceRefusal,
  type ComponentSource,
  type Plan,
  type Report,
  type SourceContext,
} from "./sources.ts";
import { goToolchain, hostArchitecture, NoToolchainError, type GoToolchain } from "./toolchain.ts";
import { components as allComponents, type Architecture, type Component } from "./versions.ts";

export interface Progress {
  readonly component: string;
  /** What is going on, in words: "building", "waiting for process 12", "cached", "built". */
  readonly phase: string;
  readonly elapsedMs: number;
}

export type OnProgress = (progress: Progress) => void;

export interface BuiltComponent {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly source: string;
  readonly key: string;
  readonly directory: string;
  readonly files: readonly CachedFile[];
  readonly cached: boolean;
}

export interface BuiltComponents {
  /** Name of the executable → its path in the cache. */
  readonly binaries: Readonly<Record<string, string>>;
  /** Names all of these binaries together. */
  readonly key: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly architecture: Architecture;
  readonly components: readonly BuiltComponent[];
}

export interface BuildOptions {
  readonly cacheDir: string;
  readonly onProgress?: OnProgress;
  readonly components?: readonly Component[];
  readonly sources?: readonly ComponentSource[];
  readonly architecture?: Architecture;
  /** Hash every cached byte again, instead of comparing sizes and times. */
  readonly verify?: boolean;
}

export class NoSourceError extends Error {
  override readonly name = "NoSourceError";
}

/**
 * Returns the binaries of every component, built or from the cache.
 * @throws NoSourceError if no source has one, with the commands that would help.
 */
export async function buildComponents(options: BuildOptions): Promise<BuiltComponents> {
  const { cacheDir, components = allComponents, onProgress, architecture = hostArchitecture() } = options;
  let toolchain: Promise<GoToolchain> | undefined;
  const built: BuiltComponent[] = [];
  for (const component of components) {
    const report = reporter(component.name, onProgress);
    const find = async (): Promise<GoToolchain> =>
      await (toolchain ??= goToolchain({ cacheDir, onPhase: report }));
    built.push(await provide(component, { architecture, toolchain: find }, options, report));
  }
  return {
    binaries: Object.fromEntries(
      built.flatMap((component) => binariesOf(component).map((file) => [path.basename(file), file])),
    ),
    key: sha256(built.map((component) => component.key).join("\n")),
    versions: Object.fromEntries(built.map(({ name, version }) => [name, version])),
    architecture,
    components: built,
  };
}

const binariesOf = ({ files, directory }: Pick<BuiltComponent, "files" | "directory">): string[] =>
  files.filter((file) => file.path.startsWith("bin/")).map((file) => path.join(directory, file.path));

function reporter(component: string, onProgress: OnProgress | undefined): Report {
  const start = performance.now();
  return (phase) => onProgress?.({ component, phase, elapsedMs: Math.round(performance.now() - start) });
}

async function provide(
  component: Component,
  context: SourceContext,
  options: BuildOptions,
  report: Report,
): Promise<BuiltComponent> {
  const { cacheDir, sources = [officialReleases, goModules] } = options;
  const refusals: string[] = [];
  for (const source of await preferred(component, context, cacheDir, sources)) {
    try {
      const built = await provideFrom(source, component, context, options, report);
      await remember(component, context, cacheDir, source);
      return built;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refusals.push(`${source.id}: ${error.message}`);
    }
  }
  throw new NoSourceError(
    `Cannot get ${component.name} ${component.version} from any source:\n  ${refusals.join("\n  ")}`,
  );
}

const isRefusal = (error: unknown): error is Error =>
  error instanceof SourceRefusal || error instanceof NoToolchainError;

async function provideFrom(
  source: ComponentSource,
  component: Component,
  context: SourceContext,
  { cacheDir, verify = false }: BuildOptions,
  report: Report,
): Promise<BuiltComponent> {
  const { name, version, licence } = component;
  const plan = await source.plan(component, context);
  const from = plan.from ?? source.id;
  const facts = { component: name, version, source: from };
  const entry = await withHeartbeat(report, async (report) => {
    const named: Report = (phase) => report(`${phase} (${from})`);
    return await cached({ cacheDir, name: `${name}-${version}`, plan, verify, report: named, facts });
  });
  report(`${entry.cached ? "cached" : "built"} (${from})`);
  const { key, directory, files } = entry;
  return { name, version, licence, source: from, key, directory, files, cached: entry.cached };
}

/** The source that had a component the last time is asked first: where everything is cached, nobody outside is asked. */
async function preferred(
  component: Component,
  context: SourceContext,
  cacheDir: string,
  sources: readonly ComponentSource[],
): Promise<ComponentSource[]> {
  const last = await readFile(choiceFile(component, context, cacheDir), "utf8").catch(() => undefined);
  return [...sources.filter(({ id }) => id === last), ...sources.filter(({ id }) => id !== last)];
}

async function remember(
  component: Component,
  context: SourceContext,
  cacheDir: string,
  { id }: ComponentSource,
): Promise<void> {
  const file = choiceFile(component, context, cacheDir);
  if ((await readFile(file, "utf8").catch(() => undefined)) === id) return;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFileAtomically(file, id);
}

const choiceFile = (
  { name, version }: Component,
  { architecture }: SourceContext,
  cacheDir: string,
): string => path.join(cacheDir, "components", ".sources", `${name}-${version}-${architecture}`);

interface Cached {
  readonly cacheDir: string;
  readonly name: string;
  readonly plan: Plan;
  readonly verify?: boolean;
  readonly report: Report;
  readonly facts: Readonly<Record<string, string>>;
}

async function cached({ cacheDir, name, plan, verify = false, report, facts }: Cached): Promise<CacheEntry> {
  return await cacheEntry({
    directory: path.join(cacheDir, "components"),
    key: plan.key,
    subject: `the build of ${name}`,
    full: verify,
    onWait: (holder) => report(`waiting for process ${holder ?? "(unknown)"}, which builds it`),
    onRefused: (reason) => report(`refused from the cache: ${reason}`),
    make: async (directory) => {
      report("building");
      await plan.make(directory, report);
      return facts;
    },
  });
}

/** Repeats the present phase every few seconds, so that a long build is seen to go on. */
async function withHeartbeat<T>(report: Report, work: (report: Report) => Promise<T>): Promise<T> {
  let present: string | undefined;
  const timer = setInterval(() => present !== undefined && report(present), 5_000);
  try {
    return await work((phase) => report((present = phase)));
  } finally {
    clearInterval(timer);
  }
}

export interface GoProgram {
  readonly cacheDir: string;
  readonly name: string;
  readonly moduleDir: string;
  /** Name of the executable → import path; "." is the module's own main package. */
  readonly packages: Readonly<Record<string, string>>;
  readonly ldflags?: readonly string[];
  readonly architecture?: Architecture;
  readonly onProgress?: OnProgress;
}

/**
 * Builds a Go program of this project (a hook tool, a proxy) through the same cache.
 * @throws NoToolchainError
 */
export async function buildGoProgram({
  cacheDir,
  name,
  moduleDir,
  packages,
  ldflags = [],
  architecture = hostArchitecture(),
  onProgress,
}: GoProgram) {
  const report = reporter(name, onProgress);
  const toolchain = await goToolchain({ cacheDir, onPhase: report });
  const flags = goFlags({ ldflags, architecture });
  const key = buildKey({
    name,
    sources: await sourceDigests(moduleDir),
    toolchain: toolchain.version,
    flags: [packages, flags],
    architecture,
  });
  const make = async (into: string): Promise<void> =>
    await goBuild({ toolchain, moduleDir, packages, ldflags, architecture, output: path.join(into, "bin") });
  const entry = await cached({
    cacheDir,
    name,
    plan: { key, make },
    report,
    facts: { component: name, source: "this project" },
  });
  report(entry.cached ? "cached" : "built");
  return {
    key,
    files: entry.files,
    directory: entry.directory,
    binaries: Object.fromEntries(binariesOf(entry).map((file) => [path.basename(file), file])),
  };
}
