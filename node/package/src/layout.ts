/** What a node package is made of: every file with its place, mode and digest, and the manifest that follows from them. */
import { chmod, copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cacheEntry, components as pinned, sha256, type BuiltComponent } from "@cantrip/components";
import type { PackageParts } from "./assemble.ts";
import { imageTar } from "./image.ts";
import type { Manifest, PackageFile } from "./manifest.ts";
import { rememberedDigest } from "./runtime.ts";
import { packageVersion } from "./version.ts";

export interface Place {
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  readonly sha256: string;
  /** The bytes, or the file in the cache that has them. */
  readonly content: Buffer | { readonly file: string };
}

export interface Layout {
  readonly places: readonly Place[];
  readonly manifest: Manifest;
}

/** Scripts of the package itself, kept beside this source. */
const ownTree = fileURLToPath(new URL("../tree", import.meta.url));
const inBin: ReadonlySet<string> = new Set(["kubernetes", "etcd", "containerd", "runc"]);

export async function layOut(parts: PackageParts): Promise<Layout> {
  const images = await imagePlaces(parts);
  const licences = await licencePlaces(parts);
  const groups = await Promise.all([scripts(parts), units(parts), runtime(parts)]);
  const places = [
    ...binaries(parts),
    ...groups.flat(),
    ...bundles(parts),
    ...proxy(parts),
    ...images.map(({ place }) => place),
    ...licences.map(({ place }) => place),
  ];
  const manifest: Manifest = {
    schema: 1,
    name: "k8s-node",
    version: packageVersion(parts.components.versions["kubernetes"] ?? "0.0.0"),
    architecture: parts.components.architecture,
    components: componentVersions(parts),
    images: images.map(({ ref, place }) => ({ ref, file: place.path })),
    licences: licences.map(({ component, licence, place }) => ({ component, licence, file: place.path })),
    missing: missing(parts),
    files: places.map(described).sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
  return { places, manifest };
}

const described = ({ path, mode, size, sha256 }: Place): PackageFile => ({
  path,
  mode: `0${mode.toString(8).padStart(3, "0")}`,
  size,
  sha256,
});

function componentVersions({ components, runtime }: PackageParts): Manifest["components"] {
  const upstream = components.components.map(
    ({ name, version, licence }) => [name, { version, licence }] as const,
  );
  return { ...Object.fromEntries(upstream), node: { version: runtime.version, licence: "MIT" } };
}

function missing({ k8sdBundle, k8sBundle, unitsDir, proxy }: PackageParts): string[] {
  const parts = {
    "lib/k8sd.mjs": k8sdBundle,
    "lib/k8s.mjs": k8sBundle,
    units: unitsDir,
    "bin/k8s-apiserver-proxy": proxy,
  };
  return Object.entries(parts).flatMap(([name, part]) => (part === undefined ? [name] : []));
}

const executable = 0o755;
const plain = 0o644;
const bytes = (place: string, mode: number, content: Buffer): Place => ({
  path: place,
  mode,
  size: content.length,
  sha256: sha256(content),
  content,
});

function binaries({ components }: PackageParts): Place[] {
  return components.components.flatMap((component) => {
    const folder = component.name === "cni" ? "cni" : inBin.has(component.name) ? "bin" : undefined;
    return folder === undefined
      ? []
      : binariesOf(component).map((file) =>
          fromCache(component, file.path, `${folder}/${path.basename(file.path)}`, executable),
        );
  });
}

const binariesOf = (component: BuiltComponent) =>
  component.files.filter((file) => file.path.startsWith("bin/"));

/** The cache knows the digests of its files: nothing is read again. */
function fromCache(
  { directory, files, name }: Pick<BuiltComponent, "directory" | "files" | "name">,
  file: string,
  place: string,
  mode: number,
): Place {
  const found = files.find((candidate) => candidate.path === file);
  if (!found) throw new TypeError(`Cannot lay out ${place}: the cache entry of ${name} has no ${file}`);
  return {
    path: place,
    mode,
    size: found.size,
    sha256: found.sha256,
    content: { file: path.join(directory, file) },
  };
}

/** The images that a node needs at birth; each holds one static binary. */
const imageSpecs = [
  { component: "pause", user: "65535:65535" },
  { component: "coredns", user: undefined },
] as const;

async function imagePlaces({ components, cacheDir }: PackageParts): Promise<{ ref: string; place: Place }[]> {
  const images = [];
  for (const { component, user } of imageSpecs) {
    const built = components.components.find(({ name }) => name === component);
    if (!built) throw new TypeError(`Cannot make the image of ${component}: it was not built`);
    const ref = `cantrip.local/${component}:${built.version}`;
    const spec = {
      ref,
      architecture: components.architecture,
      entrypoint: [`/${component}`],
      ...(user === undefined ? {} : { user }),
    };
    const make = async (into: string) => {
      const binary = await readFile(path.join(built.directory, "bin", component));
      await writeFile(
        path.join(into, "image.tar"),
        imageTar({ ...spec, files: { [`/${component}`]: binary } }),
      );
      return { image: ref };
    };
    const key = sha256(JSON.stringify(["image", 1, spec, built.key]));
    const entry = await cacheEntry({
      directory: path.join(cacheDir, "components"),
      key,
      subject: `the image ${ref}`,
      make,
    });
    images.push({
      ref,
      place: fromCache({ ...entry, name: ref }, "image.tar", `images/${component}.tar`, plain),
    });
  }
  return images;
}

interface Licence {
  readonly component: string;
  readonly licence: string;
  readonly place: Place;
}

async function licencePlaces({
  components,
  runtime,
  k8sdBundle,
  k8sBundle,
}: PackageParts): Promise<Licence[]> {
  const upstream = components.components
    .filter(({ name }) => pinned.some((pin) => pin.name === name && (pin.kind === "go" || pin.linked)))
    .map((component) => ({
      component: component.name,
      licence: component.licence,
      place: fromCache(component, "licences.txt", `licences/${component.name}.txt`, plain),
    }));
  const bundled = Object.entries({ k8sd: k8sdBundle, k8s: k8sBundle }).flatMap(([component, bundle]) =>
    bundle === undefined
      ? []
      : [
          {
            component,
            licence: "Apache-2.0 and others",
            place: bytes(`licences/${component}.txt`, plain, bundle.licences),
          },
        ],
  );
  const node = {
    component: "node",
    licence: "MIT and others",
    place: bytes("licences/node.txt", plain, await readFile(runtime.licence)),
  };
  return [...upstream, ...bundled, node];
}

async function scripts({ k8sdBundle, k8sBundle }: PackageParts): Promise<Place[]> {
  const names = [
    "install",
    "upgrade",
    "remove",
    ...(k8sdBundle ? ["bin/k8sd"] : []),
    ...(k8sBundle ? ["bin/k8s"] : []),
  ];
  return await Promise.all(
    names.map(async (name) => bytes(name, executable, await readFile(path.join(ownTree, name)))),
  );
}

function bundles({ k8sdBundle, k8sBundle }: PackageParts): Place[] {
  return [
    ...(k8sdBundle ? [bytes("lib/k8sd.mjs", plain, k8sdBundle.code)] : []),
    ...(k8sBundle ? [bytes("lib/k8s.mjs", plain, k8sBundle.code)] : []),
  ];
}

async function units({ unitsDir }: PackageParts): Promise<Place[]> {
  if (unitsDir === undefined) return [];
  const names = (await readdir(unitsDir)).filter((name) =>
    /^(snap\.k8s\.[a-z0-9-]+\.(service|timer|path|slice)|run-service)$/.test(name),
  );
  // What the units run: run-service reads a service's argument file.
  const modeOf = (name: string) => (name === "run-service" ? executable : plain);
  return await Promise.all(
    names.map(async (name) =>
      bytes(`units/${name}`, modeOf(name), await readFile(path.join(unitsDir, name))),
    ),
  );
}

/** The runtime is copied into the cache first: a link to a file that its user can change would carry that change into every machine. */
async function runtime({ runtime: { binary, version }, cacheDir }: PackageParts): Promise<Place[]> {
  const digest = await rememberedDigest(binary, path.join(cacheDir, "packages", ".runtime-digest"));
  const make = async (into: string) => {
    await copyFile(binary, path.join(into, "node"));
    await chmod(path.join(into, "node"), executable);
    return { runtime: `node ${version}`, sha256: digest };
  };
  const key = sha256(JSON.stringify(["runtime", 1, digest]));
  const entry = await cacheEntry({
    directory: path.join(cacheDir, "components"),
    key,
    subject: `the runtime Node ${version}`,
    make,
  });
  return [fromCache({ ...entry, name: "node" }, "node", "runtime/bin/node", executable)];
}

function proxy({ proxy }: PackageParts): Place[] {
  return proxy === undefined ? [] : [fromCache(proxy, `bin/${proxy.name}`, `bin/${proxy.name}`, executable)];
}
