/** The disk that all machines start from: made once by mmdebstrap, cached by the content of its recipe, shared by all instances. */
import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bootstrapDebian, debianSuite } from "./debian.ts";
import { enabledUnits, imageFiles, imagePackages, maskedFiles, maskedUnits } from "./image-files.ts";
import { withLock } from "./lock.ts";
import { must } from "./run.ts";

export interface ImageOptions {
  cacheDir: string;
  onProgress?: (line: string) => void;
}

const options = [
  "--variant=minbase",
  "--mode=root",
  "--format=directory",
  ...["man", "doc", "info", "locale"].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
  "--dpkgopt=path-include=/usr/share/doc/*/copyright",
];

/** Where the image of this recipe lies, or will lie. */
export async function imagePath({ cacheDir }: { cacheDir: string }): Promise<string> {
  const recipe = {
    schema: 1,
    suite: await debianSuite(),
    arch: process.arch,
    options,
    imagePackages,
    imageFiles,
    enabledUnits,
    maskedFiles,
    maskedUnits,
  };
  const key = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 16);
  return join(cacheDir, "images", key, "rootfs");
}

/** Returns the image's root folder, after making it if it is not there. Kill-safe: it appears by a rename. */
export async function ensureImage(wanted: ImageOptions): Promise<string> {
  const rootfs = await imagePath(wanted);
  if (await exists(rootfs)) return rootfs;
  const folder = dirname(rootfs);
  return await withLock(`image${folder}`, () => build(rootfs, folder, wanted), { timeoutMs: 900_000 });
}

async function build(rootfs: string, folder: string, { onProgress }: ImageOptions): Promise<string> {
  if (await exists(rootfs)) return rootfs;
  await mkdir(dirname(folder), { recursive: true });
  await sweep(dirname(folder), folder);
  // Never a name that was there before: what a killed builder started may be about to die, but not yet dead.
  const temporary = await mkdtemp(`${folder}.`);
  await chmod(temporary, 0o755);
  const root = join(temporary, "rootfs");
  const packages = imagePackages;
  await bootstrapDebian(root, { options, packages, onProgress: onProgress ?? (() => undefined) });
  await customize(root);
  await must(["sync", "--file-system", temporary], { timeoutMs: 120_000 });
  await rename(temporary, folder);
  return rootfs;
}

/** What a killed build of this image left: ours alone, as we hold its lock. */
async function sweep(images: string, folder: string): Promise<void> {
  const name = folder.slice(images.length + 1);
  for (const entry of await readdir(images)) {
    if (entry.startsWith(`${name}.`))
      await rm(join(images, entry), { recursive: true, force: true, maxRetries: 3 });
  }
}

async function customize(root: string): Promise<void> {
  await must([
    "chroot",
    root,
    "useradd",
    "--uid",
    "1000",
    "--create-home",
    "--shell",
    "/bin/bash",
    "--groups",
    "sudo",
    "ubuntu",
  ]);
  for (const { path, content, mode = 0o644 } of imageFiles) {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    await rm(target, { force: true });
    await writeFile(target, content, { mode });
    await chmod(target, mode);
  }
  for (const { unit, target } of enabledUnits)
    await link(`/etc/systemd/system/${unit}`, join(root, "etc/systemd/system", target, unit));
  for (const path of maskedFiles) await link("/dev/null", join(root, path));
  for (const unit of maskedUnits) await link("/dev/null", join(root, "etc/systemd/system", unit));
  await strip(root);
}

async function link(to: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  await symlink(to, path);
}

/** What each machine must have for itself is not in the image: its id, its keys, its resolver. */
async function strip(root: string): Promise<void> {
  for (const entry of await readdir(join(root, "etc/ssh"))) {
    if (entry.startsWith("ssh_host_")) await rm(join(root, "etc/ssh", entry));
  }
  await rm(join(root, "etc/resolv.conf"), { force: true });
  await writeFile(join(root, "etc/resolv.conf"), "");
  await writeFile(join(root, "etc/machine-id"), "");
  await rm(join(root, "var/lib/dbus/machine-id"), { force: true });
  for (const path of ["var/log/journal", "var/lib/containerd", "var/lib/kubelet", "opt/cantrip"])
    await mkdir(join(root, path), { recursive: true });
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
