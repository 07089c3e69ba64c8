/** From sources to a package in the cache: the whole chain in one call. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { buildComponents, buildGoProgram, type OnProgress } from "@cantrip/components";
import { assemblePackage, type AssembledPackage } from "./assemble.ts";
import { bundleNode, repositoryRoot, type Bundle } from "./bundle.ts";
import { findRuntime } from "./runtime.ts";
import { packageVersion } from "./version.ts";

export interface BuildPackageOptions {
  readonly cacheDir: string;
  readonly onProgress?: OnProgress;
  /** Accept that the daemon, the command or the units are not there: for work on the parts below them. */
  readonly partial?: boolean;
  readonly verify?: boolean;
}

const inRepository = (place: string): string => path.join(repositoryRoot, place);

/** @throws IncompleteError, NoSourceError */
export async function buildPackage({
  cacheDir,
  onProgress,
  partial = false,
  verify = false,
}: BuildPackageOptions): Promise<AssembledPackage> {
  const progress = onProgress ? { onProgress } : {};
  const components = await buildComponents({ cacheDir, verify, ...progress });
  const proxyDir = await ifThere("node/apiserver-proxy", partial);
  const proxy =
    proxyDir === undefined
      ? undefined
      : await buildProxy(
          cacheDir,
          proxyDir,
          packageVersion(components.versions["kubernetes"] ?? ""),
          progress,
        );
  const step = stepper(onProgress);
  const k8sdBundle = await step("k8sd", () => bundleIfThere("node/k8sd/src/main.ts", partial));
  const k8sBundle = await step("k8s", () => bundleIfThere("node/cli/src/main.ts", partial));
  const unitsDir = await ifThere("node/units", partial);
  const runtime = await findRuntime(components.architecture);
  const parts = {
    ...(k8sdBundle ? { k8sdBundle } : {}),
    ...(k8sBundle ? { k8sBundle } : {}),
    ...(unitsDir ? { unitsDir } : {}),
  };
  return await step("package", () =>
    assemblePackage({ cacheDir, components, runtime, ...(proxy ? { proxy } : {}), ...parts }),
  );
}

async function buildProxy(
  cacheDir: string,
  moduleDir: string,
  version: string,
  progress: { readonly onProgress?: OnProgress },
) {
  const name = "k8s-apiserver-proxy";
  const ldflags = [`-X main.version=${version}`];
  const { directory, files } = await buildGoProgram({
    cacheDir,
    name,
    moduleDir,
    packages: { [name]: "." },
    ldflags,
    ...progress,
  });
  return { name, directory, files };
}

export class IncompleteError extends Error {
  override readonly name = "IncompleteError";
}

async function ifThere(place: string, partial: boolean): Promise<string | undefined> {
  const absolute = inRepository(place);
  if (await stat(absolute).catch(() => undefined)) return absolute;
  if (partial) return undefined;
  throw new IncompleteError(
    `Cannot build a whole node package: ${absolute} is not there; --partial builds one without it`,
  );
}

async function bundleIfThere(place: string, partial: boolean): Promise<Bundle | undefined> {
  const entry = await ifThere(place, partial);
  return entry === undefined ? undefined : await bundleNode({ entry });
}

function stepper(onProgress: OnProgress | undefined) {
  return async <T>(component: string, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    onProgress?.({ component, phase: "done", elapsedMs: Math.round(performance.now() - start) });
    return result;
  };
}
