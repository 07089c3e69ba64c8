/** A Debian made by mmdebstrap, its packages from the host's own Debian sources, if it is a Debian; else from mmdebstrap's default. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readText } from "./files.ts";
import { must, run } from "./run.ts";

const fallbackSuite = "bookworm";

export interface DebianOptions {
  options: readonly string[];
  packages: readonly string[];
  onProgress: (line: string) => void;
}

/** Takes half a minute or more. Whatever it started dies with this process, so that nothing writes on into a folder that is given up. */
export async function bootstrapDebian(
  root: string,
  { options, packages, onProgress }: DebianOptions,
): Promise<void> {
  const sources = await hostSources();
  const proxy = await aptProxy();
  const argv = [
    "mmdebstrap",
    ...options,
    ...proxy.map((setting) => `--aptopt=${setting}`),
    `--include=${packages.join(",")}`,
    await debianSuite(),
    root,
    ...(sources.length > 0 ? [sources.join("\n")] : []),
  ];
  await must([...dyingWithUs, ...argv], {
    timeoutMs: 840_000,
    onStderr: lines(onProgress),
    what: `mmdebstrap has made ${root}`,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
}

/** The first process of a process namespace takes all others of it along. */
const dyingWithUs = [
  "setpriv",
  "--pdeathsig=KILL",
  "--",
  "unshare",
  "--pid",
  "--fork",
  "--kill-child",
  "--mount-proc",
  "--",
] as const;

function lines(listener: (line: string) => void): (chunk: Buffer) => void {
  return (chunk) =>
    chunk
      .toString()
      .split(/[\r\n]+/)
      .filter(Boolean)
      .forEach(listener);
}

/** The host's release if it is a Debian with a name, else the one that this project is tested on. */
export async function debianSuite(): Promise<string> {
  const release = parseOsRelease((await readText("/etc/os-release")) ?? "");
  return release.ID === "debian" && release.VERSION_CODENAME ? release.VERSION_CODENAME : fallbackSuite;
}

export function parseOsRelease(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm)].map(([, key = "", value = ""]) => [key, value]),
  );
}

/** One-line sources of the host for the suite that the image is made of; empty where the host has none. */
export async function hostSources(): Promise<string[]> {
  const folder = "/etc/apt/sources.list.d";
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name));
  const paths = ["/etc/apt/sources.list", ...names.map((name) => join(folder, name))];
  const texts = await Promise.all(paths.map(async (path) => ((await readText(path)) ?? "") + "\n\n"));
  return debianSources(texts.join(""), await debianSuite());
}

/** Of apt's source files (both formats), the lines that are Debian's own for the suite: the suite, its updates and its security fixes. */
export function debianSources(text: string, suite: string): string[] {
  const suites = new Set([suite, `${suite}-updates`, `${suite}-security`]);
  const uses = [...oneLineSources(text), ...stanzaSources(text)].filter(
    ({ uri, suite, signedBy }) =>
      suites.has(suite) && /^https?:/.test(uri) && (!signedBy || /debian-archive/.test(signedBy)),
  );
  const lines = uses.map(
    ({ uri, suite, components, signedBy }) =>
      `deb ${signedBy ? `[signed-by=${signedBy}] ` : ""}${uri} ${suite} ${components}`,
  );
  return uses.some((source) => source.suite === suite) ? [...new Set(lines)] : [];
}

interface Source {
  uri: string;
  suite: string;
  components: string;
  signedBy?: string;
}

function oneLineSources(text: string): Source[] {
  return [...text.matchAll(/^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)[ \t]+([^\n#]*)/gm)].map(
    ([, options = "", uri = "", suite = "", rest = ""]) => {
      const signedBy = /signed-by=(\S+)/.exec(options)?.[1];
      return { uri, suite, components: rest.trim(), ...(signedBy ? { signedBy } : {}) };
    },
  );
}

function stanzaSources(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = Object.fromEntries(
      [...stanza.matchAll(/^([A-Za-z-]+):[ \t]*(.*)$/gm)].map(([, key = "", value = ""]) => [
        key.toLowerCase(),
        value.trim(),
      ]),
    );
    if (!fields.types?.split(/\s+/).includes("deb") || fields.enabled === "no") return [];
    const signedBy = fields["signed-by"];
    const words = (value = "") => value.split(/\s+/).filter(Boolean);
    return words(fields.uris).flatMap((uri) =>
      words(fields.suites).map((suite) => ({
        uri,
        suite,
        components: fields.components ?? "",
        ...(signedBy ? { signedBy } : {}),
      })),
    );
  });
}

/** The host's proxy for apt, which mmdebstrap does not look at by itself. */
export async function aptProxy(): Promise<string[]> {
  const { stdout } = await run(["apt-config", "dump", "Acquire::http::Proxy", "Acquire::https::Proxy"], {
    timeoutMs: 10_000,
  }).catch(() => ({ stdout: "" }));
  return [...stdout.matchAll(/^(Acquire::https?::Proxy) "([^"]+)";$/gm)].map(
    ([, key = "", value = ""]) => `${key} "${value}"`,
  );
}
