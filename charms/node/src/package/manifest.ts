/** The manifest of a node package: what it is, and the digest that names it. */
import { createHash } from "node:crypto";
import { isAbsolute, normalize } from "node:path";

export interface PackageFile {
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  readonly sha256: string;
}
export interface PackageManifest {
  /** SHA-256 of the manifest's bytes. */
  readonly digest: string;
  readonly version: string;
  /** `1.36.3` of version `1.36.3+cantrip.1`. */
  readonly kubernetesVersion: string;
  readonly architecture: string;
  readonly files: readonly PackageFile[];
}

/** The attached file is no usable node package. */
export class UnusablePackage extends Error {
  override readonly name = "UnusablePackage";
}

/** @throws UnusablePackage */
export function parseManifest(bytes: Buffer): PackageManifest {
  const manifest = record(json(bytes), "its manifest is no JSON object");
  if (manifest["schema"] !== 1 || manifest["name"] !== "k8s-node")
    throw new UnusablePackage(
      `its manifest is of ${String(manifest["name"])}, schema ${String(manifest["schema"])}; expected k8s-node, schema 1`,
    );
  const version = text(manifest["version"], "version");
  const kubernetesVersion = /^v?(\d+\.\d+\.\d+)/u.exec(version)?.[1];
  if (!kubernetesVersion)
    throw new UnusablePackage(`its version "${version}" does not begin with one of Kubernetes`);
  const files = manifest["files"];
  if (!Array.isArray(files)) throw new UnusablePackage("its manifest lists no files");
  return {
    digest: createHash("sha256").update(bytes).digest("hex"),
    version,
    kubernetesVersion,
    architecture: text(manifest["architecture"], "architecture"),
    files: files.map(parseFile),
  };
}

function parseFile(raw: unknown): PackageFile {
  const { path, mode, size, sha256 } = record(raw, "an entry of its files is no object");
  const name = text(path, "path of a file");
  if (isAbsolute(name) || normalize(name).startsWith(".."))
    throw new UnusablePackage(`it names a file outside of itself: "${name}"`);
  const digest = text(sha256, "sha256 of a file");
  if (!/^[0-9a-f]{64}$/u.test(digest)) throw new UnusablePackage(`"${name}" has no SHA-256 sum`);
  return { path: name, mode: parseMode(mode), size: Number(size), sha256: digest };
}

/** A number, or octal text such as "0755". */
const parseMode = (mode: unknown): number =>
  typeof mode === "string" ? Number.parseInt(mode, 8) : Number(mode);

function json(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
function record(value: unknown, problem: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new UnusablePackage(problem);
}
function text(value: unknown, what: string): string {
  if (typeof value === "string" && value) return value;
  throw new UnusablePackage(`its manifest has no ${what}`);
}
