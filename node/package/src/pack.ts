/** A package as one file: whole, or as a reference (its manifest alone) for machines that have the tree already. */
import path from "node:path";
import type { Manifest } from "./manifest.ts";
import { readManifest, verifyPackage } from "./verify.ts";
import { writeTar } from "./tar.ts";

/** `k8s-node_1.36.3+cantrip.1_amd64.tar` */
export const packageFileName = ({ version, architecture }: Manifest): string =>
  `k8s-node_${version}_${architecture}.tar`;

/** Packs a verified tree; the manifest comes first, so that a reader knows the package from its first blocks, then what unpacks it. */
export async function packTar(treeDir: string, out: string): Promise<void> {
  const { manifest } = await verifyPackage(treeDir);
  const { bytes } = await readManifest(treeDir);
  const files = manifest.files.map(({ path: name, mode, size }) => ({
    path: name,
    mode: Number.parseInt(mode, 8),
    content: { file: path.join(treeDir, name), size },
  }));
  const [first, rest] = [files.filter(isInstaller), files.filter((file) => !isInstaller(file))];
  await writeTar(out, [{ path: "manifest.json", mode: 0o644, content: bytes }, ...first, ...rest]);
}

const isInstaller = ({ path }: { readonly path: string }): boolean => path === "install";

/** Packs the manifest alone. */
export async function packReference(treeDir: string, out: string): Promise<void> {
  const { bytes } = await readManifest(treeDir);
  await writeTar(out, [{ path: "manifest.json", mode: 0o644, content: bytes }]);
}
