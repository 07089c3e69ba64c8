/** The node package that this daemon came in: its manifest, its images, its versions. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export interface PackageManifest {
  readonly schema: 1;
  readonly name: string;
  readonly version: string;
  readonly components: Readonly<Record<string, { readonly version: string }>>;
  readonly images: readonly PackageImage[];
}
export interface PackageImage {
  readonly ref: string;
  /** Below the package's root. */
  readonly file: string;
}

export async function readManifest(packageRoot: string): Promise<PackageManifest> {
  const path = join(packageRoot, "manifest.json");
  return JSON.parse(await readFile(path, "utf8")) as PackageManifest;
}

/** The image of a component, such as `coredns`. */
export function imageOf(manifest: PackageManifest, component: string): PackageImage {
  const image = manifest.images.find(({ ref }) => new RegExp(`/${component}[:@]`).test(ref));
  if (image) return image;
  throw new Error(
    `Cannot find an image of ${component} in node package ${manifest.version}: expected one in its manifest`,
  );
}

export const versionOf = (manifest: PackageManifest, component: string): string =>
  (manifest.components[component]?.version ?? "unknown").replace(/^v/, "");
