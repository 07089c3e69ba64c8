/** Real machines with the node package installed, for the system tests. */
import { basename } from "node:path";
import { openMachines, type ExecResult, type Machines } from "@cantrip/machines";
import { buildPackage } from "@cantrip/node-package";

const cacheDir = process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";

/** Two checkouts on one host test at once if they tell themselves apart: a number from 1 to 20. */
const instance = Number(process.env["CANTRIP_TEST_INSTANCE"] ?? 0);
const id = instance === 0 ? "ct-k8sd" : `ct-k8sd-${instance}`;

export const machines = openMachines({
  id,
  bridge: `ctk8sd${instance}`,
  subnet: instance === 0 ? "10.78.3.0/24" : `10.78.${100 + instance}.0/24`,
  stateDir: `/var/lib/${id}`,
  cacheDir,
});

/** Machines on another link: the host routes between the two. */
export const farMachines = openMachines({
  id: `${id}-far`,
  bridge: `ctk8sdf${instance}`,
  subnet: instance === 0 ? "10.78.4.0/24" : `10.78.${130 + instance}.0/24`,
  stateDir: `/var/lib/${id}-far`,
  cacheDir,
});

let installer: string | undefined;

/** A booted machine with the daemon running. */
export async function node(name: string, on: Machines = machines): Promise<string> {
  installer ??= `/opt/cantrip/packages/${basename((await buildPackage({ cacheDir })).treeDir)}/install`;
  const binds = [{ source: `${cacheDir}/packages`, target: "/opt/cantrip/packages", readOnly: true }];
  await on.create({ name, binds });
  places.set(name, on);
  await boot(name);
  await must(name, [installer]);
  return (await on.get(name))!.address;
}

/** Where machines are that are not among `machines`. */
const places = new Map<string, Machines>();
const placeOf = (name: string) => places.get(name) ?? machines;

export async function boot(name: string): Promise<void> {
  await placeOf(name).start(name);
  await placeOf(name).waitBooted(name, { timeoutMs: 60_000 });
}

export const exec = (name: string, argv: readonly string[], timeoutMs = 240_000): Promise<ExecResult> =>
  placeOf(name).exec(name, argv, { timeoutMs });

/** Output of a command that has to succeed. */
export async function must(name: string, argv: readonly string[], stdin?: string): Promise<string> {
  const options = { timeoutMs: 240_000, ...(stdin !== undefined && { stdin }) };
  const result = await placeOf(name).exec(name, argv, options);
  if (result.exitCode === 0) return result.stdout;
  throw new Error(
    `${argv.join(" ")} on ${name} exited with ${result.exitCode}: ${result.stderr}${result.stdout}`,
  );
}

export const shell = (name: string, script: string) => must(name, ["sh", "-ec", script]);
export const kubectl = (name: string, ...args: string[]) => must(name, ["k8s", "kubectl", ...args]);

/** Names of the Ready nodes, sorted. */
export async function readyNodes(name: string): Promise<string[]> {
  const path =
    '{range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}';
  const lines = (await kubectl(name, "get", "nodes", "-o", `jsonpath=${path}`)).split("\n");
  return lines.flatMap((line) => (line.endsWith("=True") ? [line.split("=")[0]!] : [])).sort();
}

/** Tries until it holds; the last failure is the reason if it never does. */
export async function eventually(
  what: string,
  attempt: () => Promise<boolean>,
  timeoutMs = 120_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = "it never held";
  while (performance.now() < deadline) {
    try {
      if (await attempt()) return;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`waited ${timeoutMs / 1000} s until ${what}, in vain: ${String(last)}`);
}
