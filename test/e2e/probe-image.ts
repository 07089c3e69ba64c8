/** The image that the tests run in pods, built from `probe/` with the toolchain of the components: no registry is asked. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildGoProgram, hostArchitecture } from "@cantrip/components";
import { imageTar } from "@cantrip/node-package";

export const probe = "cantrip.test/probe:1";

/** @param ref another name makes another image: it carries its name as a file */
export async function buildProbeImage(folder: string, ref = probe): Promise<string> {
  const cacheDir = process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";
  const { binaries } = await buildGoProgram({
    cacheDir,
    name: "e2e-probe",
    moduleDir: join(import.meta.dirname, "probe"),
    packages: { probe: "." },
  });
  const files = { "/probe": readFileSync(binaries["probe"] ?? ""), "/name": Buffer.from(ref) };
  const file = join(folder, `${ref.replaceAll(/[^a-z0-9]/g, "-")}.tar`);
  writeFileSync(file, imageTar({ ref, architecture: hostArchitecture(), files, entrypoint: ["/probe"] }));
  return file;
}
