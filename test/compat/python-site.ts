/**
 * Programs of others in Python that ours are held against, installed by pip into a cache folder outside this tree, once per
 * version of the interpreter. What cannot be had is said, not thrown: a suite without its peer is skipped with that reason.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

export interface PythonSite {
  /** for PYTHONPATH */
  readonly site: string;
}

function message(error: unknown): string {
  const { stderr, originalMessage } = error as { stderr?: string; originalMessage?: string };
  return (stderr?.trim().split("\n").at(-1) || originalMessage || String(error)).slice(0, 200);
}

/** Where a distribution of exactly this version is, with all that it needs; or why it is not. */
export async function pythonSite(
  requirement: string,
  version: string,
): Promise<PythonSite | { readonly missing: string }> {
  try {
    const { stdout: python } = await execa("python3", [
      "-c",
      "import sys; print('%d.%d' % sys.version_info[:2])",
    ]);
    const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "cantrip-test");
    const label = requirement.replaceAll(/\W+/g, "-").replace(/-$/, "");
    const site = join(cache, `${label}-${version}-python${python}`);
    if (!existsSync(site)) await install(cache, site, `${requirement}==${version}`);
    return { site };
  } catch (error) {
    return { missing: `${requirement} ${version} for Python cannot be had: ${message(error)}` };
  }
}

/** Into a folder beside, then renamed: whole or not there, however many try at once. */
async function install(cache: string, site: string, pinned: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, ".pip-"));
  const options = { timeout: 300_000 };
  try {
    await execa("python3", ["-m", "venv", join(scratch, "venv")], options);
    const pip = [
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--target",
      join(scratch, "site"),
      pinned,
    ];
    await execa(join(scratch, "venv", "bin", "pip"), pip, options);
    renameUnlessThere(join(scratch, "site"), site);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function renameUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    // Someone else was first: theirs is as good.
    if (!existsSync(to)) throw error;
  }
}
