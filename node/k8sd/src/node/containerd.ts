/** containerd: its configuration, found out about this machine, and the images of the node package. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { writeIfChanged } from "../base/files.ts";
import { CURRENT_PACKAGE, type Paths } from "../base/paths.ts";
import { run } from "../base/run.ts";
import { until } from "../base/until.ts";
import { imageOf, readManifest, type PackageManifest } from "./package.ts";

type Tree = { [key: string]: unknown };

/** True on cgroup v2, where systemd owns the tree that containers live in. */
const usesSystemdCgroups = () => existsSync("/sys/fs/cgroup/cgroup.controllers");

/**
 * True where even root may not lower an oom_score_adj (no CAP_SYS_RESOURCE): runc would die there. Tried, not guessed:
 * lowered by one and put back.
 */
export function oomScoreIsRestricted(file = "/proc/self/oom_score_adj"): boolean {
  const current = Number(readFileSync(file, "utf8"));
  try {
    writeFileSync(file, String(Math.max(current - 1, -1000)));
    writeFileSync(file, String(current));
    return false;
  } catch {
    return true;
  }
}

export interface ContainerdFacts {
  readonly sandboxImage: string;
  readonly systemdCgroup: boolean;
  readonly restrictOomScoreAdj: boolean;
}

export function containerdConfig(paths: Paths, facts: ContainerdFacts): Tree {
  const runc = { runtime_type: "io.containerd.runc.v2", options: { SystemdCgroup: facts.systemdCgroup } };
  return {
    version: 3,
    oom_score: 0,
    imports: [join(paths.containerdConfig, "conf.d/*.toml")],
    grpc: { max_recv_message_size: 16_777_216, max_send_message_size: 16_777_216 },
    plugins: {
      "io.containerd.cri.v1.images": {
        pinned_images: { sandbox: facts.sandboxImage },
        registry: { config_path: join(paths.containerdConfig, "hosts.d") },
      },
      "io.containerd.cri.v1.runtime": {
        restrict_oom_score_adj: facts.restrictOomScoreAdj,
        max_container_log_line_size: 16_384,
        containerd: { default_runtime_name: "runc", runtimes: { runc } },
        cni: { bin_dirs: [paths.cniBin], conf_dir: paths.cniConfig },
      },
    },
  };
}

const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Deep merge: scalars override, arrays are appended. */
export function merged(base: Tree, over: Tree): Tree {
  const result = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = Object.hasOwn(base, key) ? base[key] : undefined;
    if (isTree(before) && isTree(value)) result[key] = merged(before, value);
    else if (Array.isArray(before) && Array.isArray(value))
      result[key] = [...(before as unknown[]), ...(value as unknown[])];
    else Object.defineProperty(result, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return result;
}

export async function configureContainerd(paths: Paths, extra: Tree = {}): Promise<void> {
  const { stringify } = await import("smol-toml");
  const facts = {
    sandboxImage: imageOf(await readManifest(paths.package), "pause").ref,
    systemdCgroup: usesSystemdCgroups(),
    restrictOomScoreAdj: oomScoreIsRestricted(),
  };
  for (const directory of ["conf.d", "hosts.d"])
    await mkdir(join(paths.containerdConfig, directory), { recursive: true, mode: 0o700 });
  const config = stringify(merged(containerdConfig(paths, facts), extra));
  await writeIfChanged(join(paths.containerdConfig, "config.toml"), `${config}\n`);
}

/** Links the package's CNI plugins where every CNI implementation expects plugins; others' files there stay. */
export async function linkCniPlugins(paths: Paths): Promise<void> {
  await mkdir(paths.cniBin, { recursive: true, mode: 0o755 });
  for (const plugin of await readdir(join(paths.package, "cni"))) {
    const link = join(paths.cniBin, plugin);
    if (!existsSync(link)) await symlink(join(CURRENT_PACKAGE, "cni", plugin), link);
  }
}

const ctrArgv = (paths: Paths): [string, ...string[]] => [
  join(paths.package, "bin/ctr"),
  "--address",
  paths.containerdSocket,
  "--namespace",
  "k8s.io",
];
const ctr = (paths: Paths, ...args: string[]) => run([...ctrArgv(paths), ...args]);

/** Brings the package's images into containerd, marked so that the kubelet's garbage collection leaves them alone. */
export async function importImages(paths: Paths, signal?: AbortSignal): Promise<void> {
  const manifest = await readManifest(paths.package);
  await until("containerd answers", () => ctr(paths, "version"), {
    timeoutMs: 60_000,
    intervalMs: 50,
    signal,
  });
  const present = new Set((await ctr(paths, "images", "list", "--quiet")).split("\n"));
  await Promise.all(manifest.images.map((image) => importImage(paths, image, present.has(image.ref))));
}

async function importImage(paths: Paths, { ref, file }: PackageManifest["images"][number], present: boolean) {
  const pinned = "io.cri-containerd.pinned=pinned";
  const argv = ["images", "import", "--label", pinned, join(paths.package, file)];
  // It unpacks to a disk that may be slow.
  if (!present) await run([...ctrArgv(paths), ...argv], { timeoutMs: 300_000 });
  else await ctr(paths, "images", "label", ref, pinned);
}
