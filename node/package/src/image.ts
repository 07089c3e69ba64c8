/** OCI images of one static binary each, as layout tars that `ctr images import` takes: no registry, no network, the same bytes each time. */
import { sha256, type Architecture } from "@cantrip/components";
import { tarBytes } from "./tar.ts";

export interface ImageSpec {
  /** The whole reference: cantrip.local/pause:1.0.0. */
  readonly ref: string;
  readonly architecture: Architecture;
  /** Path in the image → bytes; each is executable. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly entrypoint: readonly string[];
  /** Numeric user:group. */
  readonly user?: string;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const configType = "application/vnd.oci.image.config.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const describe = (mediaType: string, bytes: Uint8Array) => ({
  mediaType,
  digest: `sha256:${sha256(bytes)}`,
  size: bytes.length,
});

/** @throws TypeError for a reference without a tag. */
export function imageTar({ ref, architecture, files, entrypoint, user }: ImageSpec): Buffer {
  const tag = /^[a-z0-9./-]+:([A-Za-z0-9_.-]+)$/.exec(ref)?.[1];
  if (!tag)
    throw new TypeError(`Cannot use ${JSON.stringify(ref)} as an image reference: expected "name:tag"`);
  const layer = tarBytes(
    Object.entries(files).map(([path, content]) => ({ path: path.replace(/^\//, ""), mode: 0o755, content })),
  );
  const config = json({
    architecture,
    os: "linux",
    config: { Entrypoint: entrypoint, WorkingDir: "/", ...(user === undefined ? {} : { User: user }) },
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: manifestType,
    config: describe(configType, config),
    layers: [describe(layerType, layer)],
  });
  const index = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        ...describe(manifestType, manifest),
        platform: { architecture, os: "linux" },
        annotations: { "io.containerd.image.name": ref, "org.opencontainers.image.ref.name": tag },
      },
    ],
  });
  const blobs = [config, manifest, layer].map((content) => ({
    path: `blobs/sha256/${sha256(content)}`,
    mode: 0o644,
    content,
  }));
  return tarBytes([
    { path: "oci-layout", mode: 0o644, content: json({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", mode: 0o644, content: index },
    ...blobs,
  ]);
}
