/** The manifest of a node package: names every file with its digest; its own digest names the package. */
import { sha256 } from "@cantrip/components";

export interface PackageFile {
  readonly path: string;
  /** Permission bits in octal: "0755". */
  readonly mode: string;
  readonly size: number;
  readonly sha256: string;
}

export interface Manifest {
  readonly schema: 1;
  readonly name: "k8s-node";
  readonly version: string;
  readonly architecture: string;
  readonly components: Readonly<Record<string, { readonly version: string; readonly licence: string }>>;
  readonly images: readonly { readonly ref: string; readonly file: string }[];
  readonly licences: readonly {
    readonly component: string;
    readonly licence: string;
    readonly file: string;
  }[];
  /** Paths that a whole package has and this one lacks; a package is whole if this is empty. */
  readonly missing: readonly string[];
  readonly files: readonly PackageFile[];
}

export class PackageError extends Error {
  override readonly name = "PackageError";
  readonly problems: readonly string[];

  constructor(place: string, problems: readonly string[]) {
    const shown = problems.slice(0, 10).map((problem) => `\n  ${problem}`);
    const rest = problems.length > 10 ? `\n  and ${problems.length - 10} more` : "";
    super(`The node package ${place} is refused:${shown.join("")}${rest}`);
    this.problems = problems;
  }
}

/** The canonical bytes: files in the order of their paths, one space of indentation, a final newline. */
export function manifestBytes(manifest: Manifest): Buffer {
  const files = [...manifest.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return Buffer.from(`${JSON.stringify({ ...manifest, files }, null, 1)}\n`);
}

export const manifestDigest = (bytes: Uint8Array): string => sha256(bytes);

/**
 * Reads a manifest that may come from anywhere: every path must stay inside the tree.
 * @throws PackageError with all problems.
 */
export function parseManifest(bytes: Uint8Array, place: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw new PackageError(place, [`manifest.json is not JSON: ${(error as Error).message}`]);
  }
  const problems = findProblems(value);
  if (problems.length > 0) throw new PackageError(place, problems);
  return value as Manifest;
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function findProblems(value: unknown): string[] {
  if (!isObject(value)) return ["manifest.json is no object"];
  if (value["schema"] !== 1)
    return [`manifest.json has schema ${JSON.stringify(value["schema"])}, expected 1`];
  if (value["name"] !== "k8s-node")
    return [`manifest.json names ${JSON.stringify(value["name"])}, expected "k8s-node"`];
  const { files, images } = value;
  if (!Array.isArray(files) || !Array.isArray(images) || !isObject(value["components"]))
    return ["manifest.json lacks files, images or components"];
  const strings = ["version", "architecture"].filter((key) => typeof value[key] !== "string");
  const paths = files.map((file: unknown) => (isObject(file) ? file["path"] : undefined));
  const twice = paths.filter((path, index) => paths.indexOf(path) !== index);
  return [
    ...strings.map((key) => `manifest.json: ${key} is no string`),
    ...files.flatMap((file: unknown, index) => fileProblems(file, `files[${index}]`)),
    ...twice.map((path) => `files: ${JSON.stringify(path)} is there twice`),
    ...images.flatMap((image: unknown, index) => imageProblems(image, `images[${index}]`, paths)),
  ];
}

function fileProblems(file: unknown, where: string): string[] {
  if (!isObject(file)) return [`${where} is no object`];
  const { path, mode, size, sha256: digest } = file;
  return [
    ...(isInnerPath(path)
      ? []
      : [`${where}: the path ${JSON.stringify(path)} does not stay inside the package`]),
    ...(typeof mode === "string" && /^0[0-7]{3}$/.test(mode)
      ? []
      : [`${where}: mode ${JSON.stringify(mode)}, expected four octal digits such as "0755"`]),
    ...(Number.isSafeInteger(size) && (size as number) >= 0
      ? []
      : [`${where}: size ${JSON.stringify(size)} is no size`]),
    ...(typeof digest === "string" && /^[0-9a-f]{64}$/.test(digest)
      ? []
      : [`${where}: sha256 ${JSON.stringify(digest)} is no SHA-256 digest`]),
  ];
}

function imageProblems(image: unknown, where: string, paths: readonly unknown[]): string[] {
  if (!isObject(image) || typeof image["ref"] !== "string") return [`${where} names no image`];
  return paths.includes(image["file"])
    ? []
    : [`${where}: ${JSON.stringify(image["file"])} is none of the files`];
}

/** Plain relative paths only: no "..", no absolute path, nothing that a shell or a terminal could take for something else. */
const isInnerPath = (value: unknown): value is string =>
  typeof value === "string" &&
  value !== "manifest.json" &&
  /^[A-Za-z0-9_+@.-]+(\/[A-Za-z0-9_+@.-]+)*$/.test(value) &&
  !value.split("/").some((element) => element === "." || element === "..");
