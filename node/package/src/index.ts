/**
 * The node package: everything that makes a machine a Kubernetes node, as one verified tree or one tar. Start at `buildPackage`.
 * Never reads the network itself (@cantrip/components gets the binaries), never touches a running node (the package's own `install` does).
 */
export { assemblePackage, isVerified } from "./assemble.ts";
export type { AssembledPackage, PackageParts } from "./assemble.ts";
export { buildPackage, IncompleteError } from "./build.ts";
export type { BuildPackageOptions } from "./build.ts";
export { bundleNode } from "./bundle.ts";
export type { Bundle } from "./bundle.ts";
export { imageTar } from "./image.ts";
export { manifestBytes, manifestDigest, PackageError, parseManifest } from "./manifest.ts";
export type { Manifest, PackageFile } from "./manifest.ts";
export { packageFileName, packReference, packTar } from "./pack.ts";
export { progressPrinter } from "./progress.ts";
export { findRuntime } from "./runtime.ts";
export type { Runtime } from "./runtime.ts";
export { tarBytes, writeTar } from "./tar.ts";
export { readManifest, verifyPackage } from "./verify.ts";
export type { VerifiedPackage } from "./verify.ts";
