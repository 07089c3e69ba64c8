/** certs-status, refresh-certs, revoke-admin. */
import { certificatesUpdateSchema, type CertificatesStatusResponse } from "@cantrip/metadata/k8sd";
import type { Command } from "commander";
import { ask, parseDuration, parseTimeout, print, requireRoot, type Format } from "../context.ts";
import { readConfig } from "../documents.ts";
import { UserError } from "../errors.ts";
import { formatOption, timeoutOption } from "../options.ts";

interface RefreshFlags {
  externalCertificates?: string;
  expiresIn?: string;
  extraSans: string[];
  certificates?: string;
  timeout: string;
  outputFormat: Format;
}

export function certificateCommands(program: Command): void {
  program
    .command("certs-status")
    .description("show when the certificates of this node expire")
    .addOption(formatOption())
    .action(certsStatus);
  program
    .command("refresh-certs")
    .description("make new keys and certificates for this node; nothing is restarted")
    .option("--expires-in <duration>", "how long they live: 5y, 4mo, 2d, 90m, 1h30m (default: 1y)")
    .option("--extra-sans <name>", "a further name or address of this node; may be repeated", collect, [])
    .option("--certificates <names>", "only these, by their names in certs-status, separated by commas")
    .option(
      "--external-certificates <file>",
      "take the certificates and keys in this file (NAME-crt, NAME-key) instead, - for standard input",
    )
    .addOption(timeoutOption("90s"))
    .addOption(formatOption())
    .action(refreshCertificates);
  program
    .command("revoke-admin")
    .description("take every right from all administrators' kubeconfigs given out so far, and make a new one")
    .addOption(timeoutOption("90s"))
    .addOption(formatOption())
    .action(revokeAdmin);
}

const collect = (value: string, before: string[]) => [...before, ...value.split(",").filter(Boolean)];

async function refreshCertificates(flags: RefreshFlags): Promise<void> {
  requireRoot();
  const timeoutMs = parseTimeout(flags.timeout);
  if (flags.externalCertificates !== undefined) return updateCertificates(flags, timeoutMs);
  const lifetimeMs = parseDuration(flags.expiresIn ?? "1y");
  const certificates = (flags.certificates ?? "").split(",").filter(Boolean);
  const { seconds: seed } = await ask("refresh the certificates", "planRefresh", { certificates }, timeoutMs);
  const body = {
    certificates,
    seed,
    "extra-sans": flags.extraSans,
    "expiration-seconds": Math.round(lifetimeMs / 1000),
  };
  const answer = await ask("refresh the certificates", "runRefresh", body, timeoutMs);
  const expires = new Date(answer["expiration-seconds"] * 1000).toISOString();
  await print(
    flags.outputFormat,
    `Certificates have been successfully refreshed, and will expire at ${expires.replace("T", " ").replace(/\.\d+Z$/, " +0000 UTC")}.`,
    { expires },
  );
}

async function updateCertificates(flags: RefreshFlags, timeoutMs: number): Promise<void> {
  const others = [
    ...(flags.expiresIn === undefined ? [] : ["--expires-in"]),
    ...(flags.extraSans.length === 0 ? [] : ["--extra-sans"]),
    ...(flags.certificates === undefined ? [] : ["--certificates"]),
  ];
  if (others.length > 0)
    throw new UserError(`${others.join(", ")}: the certificates in the file are as they are; leave it out`);
  const config = await readConfig(flags.externalCertificates!, certificatesUpdateSchema);
  await ask("take the certificates", "updateCertificates", config, timeoutMs);
  await print(flags.outputFormat, "External certificates have been successfully updated.", {});
}

async function revokeAdmin({
  timeout,
  outputFormat,
}: {
  timeout: string;
  outputFormat: Format;
}): Promise<void> {
  requireRoot();
  const { generation } = await ask(
    "revoke the administrators",
    "revokeAdmins",
    undefined,
    parseTimeout(timeout),
  );
  const text = `Every administrator's kubeconfig made until now is without rights (generation ${generation} counts).\nA new one: k8s config`;
  await print(outputFormat, text, { generation });
}

async function certsStatus({ outputFormat }: { outputFormat: Format }): Promise<void> {
  requireRoot();
  const status = await ask("get the state of the certificates", "getCertificatesStatus");
  await print(outputFormat, plainCertificates(status), status);
}

export function plainCertificates({
  certificates,
  "certificate-authorities": authorities,
  problems = [],
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
    ...(problems.length > 0 ? ["", ...problems.map((problem) => `Problem: ${problem}`)] : []),
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
