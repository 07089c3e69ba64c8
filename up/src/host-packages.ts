/** The Debian packages that machines and builds need: named, then installed. Run as a program it installs what is missing. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { requiredPackages } from "@cantrip/machines";
import { execa } from "execa";

export interface HostPackage {
  readonly name: string;
  /** any of these files or commands shows that it is there */
  readonly provides: readonly string[];
  readonly why: string;
}

const buildPackages: readonly HostPackage[] = [
  {
    name: "ca-certificates",
    provides: ["/etc/ssl/certs/ca-certificates.crt"],
    why: "fetching what is built",
  },
  { name: "gcc", provides: ["gcc"], why: "builds runc and the pause image" },
  { name: "libc6-dev", provides: ["/usr/include/stdio.h"], why: "builds runc and the pause image" },
  { name: "libseccomp-dev", provides: ["/usr/include/seccomp.h"], why: "builds runc with seccomp" },
  { name: "pkg-config", provides: ["pkg-config"], why: "builds runc with seccomp" },
  { name: "golang-go", provides: ["go"], why: "fetches the pinned Go toolchain and builds the components" },
  { name: "openssh-client", provides: ["ssh"], why: "cantrip ssh" },
];

export const hostPackages: readonly HostPackage[] = [
  ...requiredPackages.map(({ package: name, provides }) => ({
    name,
    provides: [provides],
    why: "machines need it",
  })),
  ...buildPackages,
];

const systemDirectories = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
  "/usr/local/go/bin",
];

export function isThere(file: string, path = process.env["PATH"] ?? ""): boolean {
  if (file.startsWith("/")) return existsSync(file);
  return [...path.split(delimiter), ...systemDirectories].some((directory) =>
    existsSync(join(directory, file)),
  );
}

export function missingPackages(list: readonly HostPackage[] = hostPackages): HostPackage[] {
  return list.filter(({ provides }) => !provides.some((file) => isThere(file)));
}

/**
 * Installs what is missing, after saying so.
 * @throws Error naming the packages when this is not a Debian or Ubuntu host, or apt fails
 */
export async function installPackages(
  missing: readonly HostPackage[],
  say: (line: string) => void,
): Promise<void> {
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name);
  if (!isThere("apt-get"))
    throw new Error(
      `This host has no apt-get; install these packages by its own means, then run the command again: ${names.join(" ")}`,
    );
  for (const { name, why } of missing) say(`installing ${name}: ${why}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const install = () =>
    execa("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...names], {
      env,
      timeout: 900_000,
      reject: false,
    });
  // Package lists may be absent (a fresh host) or old; they are fetched only when the first attempt says so.
  if ((await install()).exitCode === 0) return;
  await execa("apt-get", ["update", "-qq"], { env, timeout: 300_000, reject: false });
  const again = await install();
  if (again.exitCode !== 0)
    throw new Error(
      `apt-get could not install ${names.join(" ")}: ${again.stderr.trim().split("\n").at(-1)}`,
    );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    await installPackages(missingPackages(), (line) => console.log(`  ${line}`));
  } catch (error) {
    console.error(`ERROR ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
