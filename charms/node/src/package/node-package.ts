/**
 * The node package on this machine: from the charm's resource to an installed tree, and away again. A resource holds the
 * whole tree or only its manifest; the tree of a manifest may lie on the machine already, verified by whoever put it there.
 */
import { constants } from "node:fs";
import { access, mkdir, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { run as realRun, type Run } from "../run.ts";
import { UnusablePackage, parseManifest, type PackageManifest } from "./manifest.ts";
import { DamagedTar, readMember } from "./tar.ts";
import { verifyTree } from "./verify.ts";

export interface NodePackage {
  /** Installs what the resource holds, or finds it installed. @throws UnusablePackage with what to do about it */
  ensure(resource: string | undefined, joined: boolean): Promise<InstalledPackage>;
  installed(): Promise<PackageManifest | undefined>;
  /** Stops the node and deletes it, data included. Nothing installed is success. */
  remove(): Promise<void>;
}
export interface InstalledPackage {
  readonly manifest: PackageManifest;
  /** Installed by this call: its daemon is only starting. */
  readonly fresh: boolean;
}

export interface PackagePlaces {
  /** Trees that the host put there. */
  readonly shared: string;
  readonly own: string;
  readonly current: string;
  readonly unit: string;
}
const PLACES: PackagePlaces = {
  shared: "/opt/cantrip/packages",
  own: "/opt/k8s/versions",
  current: "/opt/k8s/current",
  unit: "/etc/systemd/system/snap.k8s.k8sd.service",
};
const INSTALL_MS = 120_000;
const UNPACK_MS = 300_000;
const REMOVE_MS = 120_000;

export class TarNodePackage implements NodePackage {
  readonly #places: PackagePlaces;
  readonly #run: Run;

  constructor({ places = PLACES, run = realRun }: { places?: PackagePlaces; run?: Run } = {}) {
    this.#places = places;
    this.#run = run;
  }

  async ensure(resource: string | undefined, joined: boolean): Promise<InstalledPackage> {
    const manifest = await manifestOf(resource);
    const installed = await this.installed();
    if (installed?.digest === manifest.digest && (await exists(this.#places.unit)))
      return { manifest: installed, fresh: false };
    if (installed && joined && installed.digest !== manifest.digest) throw refuseUpgrade(installed, manifest);
    const tree = await this.#tree(resource!, manifest);
    await this.#run([join(tree, "install")], { timeoutMs: INSTALL_MS });
    return { manifest, fresh: true };
  }

  async installed(): Promise<PackageManifest | undefined> {
    try {
      return parseManifest(await readFile(join(this.#places.current, "manifest.json")));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async remove(): Promise<void> {
    const script = join(this.#places.current, "remove");
    if (await exists(script)) await this.#run([await realpath(script)], { timeoutMs: REMOVE_MS });
    await rm(this.#places.own, { recursive: true, force: true });
  }

  async #tree(resource: string, manifest: PackageManifest): Promise<string> {
    const shared = join(this.#places.shared, manifest.digest);
    if (await hasDigest(shared, manifest.digest)) return shared;
    const own = join(this.#places.own, manifest.digest);
    if (!(await hasDigest(own, manifest.digest))) await this.#unpack(resource, manifest, own);
    return own;
  }

  /** Renamed into place only when whole and verified, so that a kill leaves nothing that looks like a package. */
  async #unpack(resource: string, manifest: PackageManifest, into: string): Promise<void> {
    if (!(await readMember(resource, "install")))
      throw new UnusablePackage(
        `node-package only refers to package ${manifest.version} (${manifest.digest.slice(0, 12)}), which is not on this machine: attach the whole package`,
      );
    const beside = `${into}.unpacking`;
    await rm(beside, { recursive: true, force: true });
    await mkdir(beside, { recursive: true });
    await this.#run(["tar", "-xf", resource, "-C", beside, "--no-same-owner"], { timeoutMs: UNPACK_MS });
    await verifyTree(beside, manifest);
    await rename(beside, into);
  }
}

async function manifestOf(resource: string | undefined): Promise<PackageManifest> {
  const size = resource === undefined ? 0 : (await stat(resource)).size;
  if (!resource || size === 0)
    throw new UnusablePackage("node-package is missing: attach it as a resource of the application");
  try {
    const bytes = await readMember(resource, "manifest.json");
    if (!bytes) throw new UnusablePackage("it has no manifest.json");
    return parseManifest(bytes);
  } catch (error) {
    if (!(error instanceof UnusablePackage || error instanceof DamagedTar)) throw error;
    throw new UnusablePackage(`node-package is damaged: ${error.message}; attach it again`, { cause: error });
  }
}

function refuseUpgrade(installed: PackageManifest, attached: PackageManifest): UnusablePackage {
  return new UnusablePackage(
    `node-package ${attached.version} (${attached.digest.slice(0, 12)}) differs from ${installed.version} (${installed.digest.slice(0, 12)}) that runs here; upgrades are not available yet: attach the former again`,
  );
}

async function hasDigest(tree: string, digest: string): Promise<boolean> {
  try {
    return parseManifest(await readFile(join(tree, "manifest.json"))).digest === digest;
  } catch {
    return false;
  }
}

const exists = (path: string) =>
  access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
