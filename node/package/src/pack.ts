/** A package as one file: whole, or as a reference (its manifest alone) for machines that have the tree already. */
import path from "node:path";
import { readManifest, verifyPackage } from "./verify.ts";
import { writeTar } from "./tar.ts";

/** Packs a verified tree; the manifest comes first, so that a reader knows the package from its first blocks. */
export async function packTar(treeDir: string, out: string): Promise<void> {
  const { manifest } = await verifyPackage(treeDir);
  const { bytes } = await readManifest(treeDir);
  const files = manifest.files.map(({ path: name, mode, size }) => ({
    path: name,
    mode: Number.parseInt(mode, 8),
    content: { file: path.join(treeDir, name), size },
  }));
  await writeTar(out, [{ path: "manifest.json", mode: 0o644, content: bytes }, ...files]);
}

/** Packs the manifest alone. */
export async function packReference(treeDir: string, out: string): Promise<void> {
  const { bytes } = await readManifest(treeDir);
  await writeTar(out, [{ path: "manifest.json", mode: 0o644, content: bytes }]);
}
