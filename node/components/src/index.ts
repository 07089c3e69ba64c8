/**
 * The pinned upstream binaries of a node, and the Go toolchain that makes them. Start at `buildComponents`.
 * Never holds upstream source, never downloads what it has no digest for, never writes outside the cache folder that it is given.
 */
export { buildComponents, buildGoProgram, NoSourceError } from "./build.ts";
export type {
  BuildOptions,
  BuiltComponent,
  BuiltComponents,
  GoProgram,
  OnProgress,
  Progress,
} from "./build.ts";
export { cacheEntry, findProblem, recordFiles } from "./cache.ts";
export type { CachedFile, CacheEntry, CacheOptions } from "./cache.ts";
export { sha256, sha256OfFile, syncPath, syncTree, writeFileAtomically, listFiles } from "./files.ts";
export { goBuild } from "./gobuild.ts";
export type { GoBuild } from "./gobuild.ts";
export { LockTimeoutError, withLock } from "./lock.ts";
export { CommandError } from "./process.ts";
export { DigestMismatchError, officialRelease, officialReleases, releaseSource } from "./releases.ts";
export type { Release, ReleaseOptions } from "./releases.ts";
export { goModules, SourceRefusal } from "./sources.ts";
export type { ComponentSource, Plan, Report, SourceContext } from "./sources.ts";
export { goToolchain, hostArchitecture, NoToolchainError } from "./toolchain.ts";
export type { GoToolchain } from "./toolchain.ts";
export { architectures, components, goVersion } from "./versions.ts";
export type { Architecture, Component, ComponentName } from "./versions.ts";
