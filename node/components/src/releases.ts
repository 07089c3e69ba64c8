/**
 * Official releases as a source: an archive, or a bare program, held against a SHA-256 that was computed from its bytes.
 * Nothing of a download is used before its digest is known to be right.
 */
import { createHash } from "node:crypto";
import {
  copyFile,
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import { sha256 } from "./files.ts";
import { run } from "./process.ts";
import { SourceRefusal, type ComponentSource, type Report } from "./sources.ts";
import type { Architecture, Component } from "./versions.ts";

export interface Release {
  readonly url: string;
  /** Folder of the programs in the archive; absent if the download is itself the program. */
  readonly folder?: string;
}

/** Where upstream publishes a component; CoreDNS with our plugins and pause are published by nobody. */
export function officialRelease(
  { name, version }: Component,
  architecture: Architecture,
): Release | undefined {
  const onGithub = (project: string, tag: string, file: string) =>
    `https://github.com/${project}/releases/download/${tag}/${file}`;
  switch (name) {
    case "kubernetes":
      return {
        url: `https://dl.k8s.io/v${version}/kubernetes-server-linux-${architecture}.tar.gz`,
        folder: "kubernetes/server/bin",
      };
    case "etcd": {
      const folder = `etcd-v${version}-linux-${architecture}`;
      return { url: onGithub("etcd-io/etcd", `v${version}`, `${folder}.tar.gz`), folder };
    }
    case "containerd": {
      const file = `containerd-static-${version}-linux-${architecture}.tar.gz`;
      return { url: onGithub("containerd/containerd", `v${version}`, file), folder: "bin" };
    }
    case "runc":
      return { url: onGithub("opencontainers/runc", `v${version}`, `runc.${architecture}`) };
    case "cni": {
      const file = `cni-plugins-linux-${architecture}-v${version}.tgz`;
      return { url: onGithub("containernetworking/plugins", `v${version}`, file), folder: "." };
    }
    case "coredns":
    case "pause":
      return undefined;
    default:
      return name satisfies never;
  }
}

/** SHA-256 sums by component, version and architecture. One is written here only after it was computed from the bytes: none was yet. */
const releaseDigests: Readonly<Record<string, string>> = {};

export interface ReleaseOptions {
  readonly digests?: Readonly<Record<string, string>>;
  readonly find?: (component: Component, architecture: Architecture) => Release | undefined;
  /** How long a server may say nothing. */
  readonly silenceMs?: number;
}

/** Downloaded bytes are others than were pinned: no other source is tried, somebody has to look. */
export class DigestMismatchError extends Error {
  override readonly name = "DigestMismatchError";
}

export function releaseSource({
  digests = releaseDigests,
  find = officialRelease,
  silenceMs = 20_000,
}: ReleaseOptions = {}): ComponentSource {
  return {
    id: "official release",
    plan: async (component, { architecture }) => {
      const subject = `${component.name} ${component.version} ${architecture}`;
      const release = find(component, architecture);
      if (!release)
        throw new SourceRefusal(`there is no official release of ${subject} as it is needed here`);
      const digest = digests[subject];
      if (digest === undefined)
        throw new SourceRefusal(
          `no digest is known for the official release of ${subject}, and a download without one is refused`,
        );
      const commands = Object.keys(component.commands);
      return {
        key: sha256(JSON.stringify(["release", 1, digest, release.folder ?? "", commands])),
        make: async (into, report) => {
          const file = path.join(into, "download");
          await download({ url: release.url, file, digest, silenceMs, report });
          await unpack(release, file, into, commands);
          await writeLicences(component, into);
          await rm(path.join(into, "unpacked"), { recursive: true, force: true });
        },
      };
    },
  };
}

export const officialReleases: ComponentSource = releaseSource();

interface Download {
  readonly url: string;
  readonly file: string;
  readonly digest: string;
  readonly silenceMs: number;
  readonly report: Report;
}

/** @throws SourceRefusal where the server is not reached or breaks off, DigestMismatchError */
async function download({ url, file, digest, silenceMs, report }: Download): Promise<void> {
  const silence = new AbortController();
  const patience = setTimeout(() => silence.abort(), silenceMs);
  const hash = createHash("sha256");
  const handle = await open(file, "wx");
  try {
    const response = await fetch(url, { signal: silence.signal });
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    let received = 0;
    for await (const chunk of response.body) {
      patience.refresh();
      hash.update(chunk);
      await handle.writeFile(chunk);
      received += chunk.length;
      report(`downloading, ${Math.round(received / 2 ** 20)} MiB`);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") throw error;
    throw new SourceRefusal(`${url} cannot be had: ${reasonOf(error, silenceMs)}`, { cause: error });
  } finally {
    clearTimeout(patience);
    await handle.close();
  }
  const found = hash.digest("hex");
  if (found !== digest)
    throw new DigestMismatchError(`Refused ${url}: its bytes have SHA-256 ${found}, expected ${digest}`);
}

function reasonOf(error: unknown, silenceMs: number): string {
  const { name, message, cause } = error as Error;
  if (name === "AbortError") return `the server was silent for ${silenceMs / 1000} s`;
  return cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code || message : message;
}

async function unpack(
  { folder, url }: Release,
  file: string,
  into: string,
  commands: readonly string[],
): Promise<void> {
  const [bin, unpacked] = [path.join(into, "bin"), path.join(into, "unpacked")];
  for (const place of [bin, unpacked]) await mkdir(place);
  if (folder === undefined) await rename(file, path.join(unpacked, commands[0] ?? "program"));
  else await run({ argv: ["tar", "-xzf", file, "-C", unpacked, "--no-same-owner"] });
  for (const command of commands) {
    const source = path.join(unpacked, folder ?? ".", command);
    if (!(await stat(source).catch(() => undefined))?.isFile())
      throw new Error(`Refused ${url}: it has no ${path.join(folder ?? ".", command)}`);
    await copyFile(source, path.join(bin, command));
    await chmod(path.join(bin, command), 0o755);
  }
  await rm(file, { force: true });
}

/** The licence texts that upstream put into its archive; where it put none, the licence's name. */
async function writeLicences({ name, version, licence }: Component, into: string): Promise<void> {
  const unpacked = path.join(into, "unpacked");
  const all = await readdir(unpacked, { recursive: true, withFileTypes: true });
  const files = all
    .filter((entry) => entry.isFile() && /^(licen[cs]e|copying|notice)/i.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const chapters = texts.map((text) => `\n${"-".repeat(80)}\n${text.trim()}\n`);
  await writeFile(path.join(into, "licences.txt"), `${name} ${version} (${licence})\n${chapters.join("")}`);
}
