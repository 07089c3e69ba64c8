/** kubectl, config, certs-status, version. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathsBelow } from "@cantrip/k8sd";
import type { CertificatesStatusResponse } from "@cantrip/metadata/k8sd";
import type { Command } from "commander";
import { ask, print, requireRoot, type Format } from "../context.ts";
import { NOT_PART_OF_A_CLUSTER, UserError } from "../errors.ts";
import { formatOption } from "../options.ts";

const paths = pathsBelow("");
const packageRoot = () => dirname(dirname(realpathSync(process.argv[1] ?? "")));

export function kubernetesCommands(program: Command): void {
  program
    .command("kubectl")
    .description("run the cluster's kubectl with this node's credential")
    .helpOption(false)
    .allowUnknownOption()
    .argument("[args...]")
    .passThroughOptions()
    .action((args: string[]) => kubectl(args));
  program
    .command("config")
    .description("print a kubeconfig of an administrator")
    .option("--server <url>", "address of the API server to write into it", "")
    .action(async ({ server }: { server: string }) => {
      requireRoot();
      process.stdout.write((await ask("get the kubeconfig", "getKubeconfig", { server })).kubeconfig);
    });
  program
    .command("certs-status")
    .description("show when the certificates of this node expire")
    .addOption(formatOption())
    .action(certsStatus);
  program
    .command("version")
    .description("print the versions of the node package")
    .addOption(formatOption())
    .action(version);
}

function kubectl(args: readonly string[]): void {
  requireRoot();
  const file = ["admin.conf", "kubelet.conf"]
    .map((name) => join(paths.kubernetes, name))
    .find((path) => existsSync(path));
  if (!file) throw new UserError(NOT_PART_OF_A_CLUSTER);
  const env = { EDITOR: "nano", ...process.env, KUBECONFIG: file };
  const { status, signal, error } = spawnSync(join(packageRoot(), "bin/kubectl"), args, {
    stdio: "inherit",
    env,
  });
  if (error) throw new UserError(`Cannot run kubectl: ${error.message}`);
  process.exitCode = signal ? 1 : (status ?? 1);
}

interface Manifest {
  version: string;
  components: Record<string, { version: string }>;
}

async function version({ outputFormat }: { outputFormat: Format }): Promise<void> {
  const manifest = JSON.parse(readFileSync(join(packageRoot(), "manifest.json"), "utf8")) as Manifest;
  const components = Object.entries(manifest.components).map(
    ([name, { version }]) => `  ${name.padEnd(12)}${version}`,
  );
  await print(outputFormat, [`k8s-node ${manifest.version}`, ...components].join("\n"), {
    version: manifest.version,
    components: manifest.components,
  });
}

async function certsStatus({ outputFormat }: { outputFormat: Format }): Promise<void> {
  requireRoot();
  const status = await ask("get the state of the certificates", "getCertificatesStatus");
  await print(outputFormat, plainCertificates(status), status);
}

export function plainCertificates({
  certificates,
  "certificate-authorities": authorities,
}: CertificatesStatusResponse): string {
  const managed = (externally: boolean) => (externally ? "yes" : "no");
  const rows = certificates.map((c) => [
    c.name,
    inWords(c.expires),
    residual(c.expires),
    c["certificate-authority"],
    managed(c["externally-managed"]),
  ]);
  const roots = authorities.map((c) => [
    c.name,
    inWords(c.expires),
    residual(c.expires),
    managed(c["externally-managed"]),
  ]);
  return [
    table([
      ["CERTIFICATE", "EXPIRES", "RESIDUAL TIME", "CERTIFICATE AUTHORITY", "EXTERNALLY MANAGED"],
      ...rows,
    ]),
    ...(roots.length > 0
      ? ["", table([["CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED"], ...roots])]
      : []),
  ].join("\n");
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value: number) => String(value).padStart(2, "0");

function inWords(date: string): string {
  const d = new Date(date);
  return `${MONTHS[d.getUTCMonth()]} ${two(d.getUTCDate())}, ${d.getUTCFullYear()} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())} UTC`;
}

/** The largest unit that is left: years, days, hours, minutes; `<invalid>` once it is over. */
export function residual(date: string, now = Date.now()): string {
  const minutes = Math.floor((Date.parse(date) - now) / 60_000);
  if (minutes < 0) return "<invalid>";
  const days = Math.floor(minutes / 1440);
  if (days >= 365) return `${Math.floor(days / 365)}y`;
  return days > 0 ? `${days}d` : minutes >= 60 ? `${Math.floor(minutes / 60)}h` : `${minutes}m`;
}
