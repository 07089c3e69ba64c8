/**
 * `cantrip up`: from a host to a cluster, as a list of chapters. Each chapter finds what is there already and does only the
 * rest, so that the command may be interrupted at any point and run again.
 */
import { chownSync } from "node:fs";
import { mkdir, open, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { writeClientFiles } from "@cantrip/controller/command";
import { openMachines, preflight, type Finding, type NspawnMachines } from "@cantrip/machines";
import { makeArtifacts, type Artifacts } from "./artifacts.ts";
import { Client, clientDirectory } from "./client.ts";
import { controllerDaemon, controllerFacts, waitForController } from "./controller.ts";
import { start, stop } from "./daemon.ts";
import { alone } from "./alone.ts";
import { hostPackages, installPackages, missingPackages } from "./host-packages.ts";
import { invoker, kubeconfigPath, type Invoker } from "./invoker.ts";
import { clusterFile } from "./kubectl.ts";
import { bridgeName, hostPaths, machinesOptions, type Paths } from "./paths.ts";
import { Progress, type PhaseTime } from "./progress.ts";
import { chooseRanges, rangesInUse } from "./ranges.ts";
import { instanceName, readSettings, writeSettings, type Settings } from "./settings.ts";
import { arrived, ourApplications, stuck, unitLines, type StatusDocument } from "./status.ts";

export interface UpOptions {
  readonly workers?: number;
  readonly model?: string;
  readonly offline?: boolean;
  /** fill the caches and stop */
  readonly prepareOnly?: boolean;
  readonly quiet?: boolean;
  readonly signal: AbortSignal;
}

/** Everything that the summary says, and what programs read with `--format json`. */
export interface UpReport {
  readonly model: string;
  readonly kubeconfig: string;
  readonly version: string;
  readonly packageTree: string;
  readonly packageReference: string;
  readonly charms: Readonly<Record<string, string>>;
  readonly image: string;
  readonly dnsAddress: string;
  readonly machines: readonly { readonly unit: string; readonly instance: string }[];
  /** whether anything had to be done */
  readonly changed: boolean;
  readonly totalMs: number;
  readonly phases: readonly PhaseTime[];
}

const clusterMs = 900_000;
const patienceMs = 20_000;

export async function up(options: UpOptions): Promise<UpReport | undefined> {
  requireRoot();
  return await alone(hostPaths(), () => bringUp(options));
}

async function bringUp(options: UpOptions): Promise<UpReport | undefined> {
  const [paths, person, progress] = [hostPaths(), invoker(), new Progress({ quiet: options.quiet ?? false })];
  try {
    const settings = await decide(paths, options);
    const machines = machinesOf(paths, settings);
    await progress.phase("host", () => prepareHost(settings, (line) => progress.tell(line)));
    options.signal.throwIfAborted();
    const preparing = [
      progress.phase("components", (note) => prepareArtifacts(paths, note)),
      progress.phase("machine image", (note) => prepareMachines(machines, note)),
    ] as const;
    if (options.prepareOnly) return void (await Promise.all(preparing));
    const starting = progress.phase("controller", (note) => startController(paths, settings, person, note));
    const [artifacts, , started] = await Promise.all([...preparing, starting]);
    options.signal.throwIfAborted();
    const client = new Client({
      directory: clientDirectory(person),
      controller: settings.instance,
      model: settings.model,
      signal: options.signal,
    });
    const changed = await progress.phase("model", (note) =>
      deployBundle(client, settings, artifacts, options.workers, note),
    );
    if (started && !changed) await progress.phase("agents", () => waitForAgents(client));
    await progress.phase("cluster", () => waitForCluster(client, progress, options.signal));
    return await finish({
      client,
      settings,
      artifacts,
      person,
      paths,
      progress,
      changed: changed || started,
    });
  } finally {
    progress.close();
  }
}

function requireRoot(): void {
  if (process.getuid?.() !== 0)
    throw new Error('Machines, bridges and mounts need root: run "sudo cantrip up"');
}

/** What an earlier `up` decided stands; the first one chooses ranges that are free on this host. */
async function decide(paths: Paths, { workers, model, offline }: UpOptions): Promise<Settings> {
  const known = await readSettings(paths);
  if (known && model !== undefined && model !== known.model)
    throw new Error(
      `This host runs model "${known.model}" already: take it down first ("cantrip down"), or leave out --model ${model}`,
    );
  const instance = known?.instance ?? instanceName();
  const ranges = known?.ranges ?? chooseRanges(await rangesInUse([bridgeName(instance)]));
  const settings: Settings = {
    instance,
    model: model ?? known?.model ?? "k8s",
    workers: workers ?? known?.workers ?? 1,
    ranges,
    apiPort: known?.apiPort ?? (instance === "cantrip" ? 17070 : 17071 + (Math.abs(hash(instance)) % 500)),
    offline: offline ?? known?.offline ?? false,
  };
  await writeSettings(paths, settings);
  return settings;
}

const hash = (text: string): number =>
  Array.from(text).reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7);

export const machinesOf = (paths: Paths, settings: Settings): NspawnMachines =>
  openMachines(machinesOptions(paths, settings));

/** Names what is missing and installs it; names what will be changed; stops at what would break. */
async function prepareHost({ instance, ranges }: Settings, tell: (line: string) => void): Promise<void> {
  await installPackages(missingPackages(hostPackages), tell);
  const findings = await preflight({
    subnet: ranges.machines,
    podCidr: ranges.pods,
    serviceCidr: ranges.services,
    bridge: bridgeName(instance),
  });
  const errors = findings.filter(({ severity }) => severity === "error");
  for (const finding of findings.filter(({ severity }) => severity !== "error")) tell(told(finding));
  if (errors.length > 0)
    throw new Error(
      `This host cannot run the cluster as it is:\n${errors.map((finding) => `  - ${told(finding)}`).join("\n")}`,
    );
}

const told = ({ text, fix }: Finding): string => (fix ? `${text} (${fix})` : text);

async function prepareArtifacts({ cache }: Paths, note: (text: string) => void): Promise<Artifacts> {
  const artifacts = await makeArtifacts(cache, note);
  note(`node package ${artifacts.packageVersion}`);
  return artifacts;
}

async function prepareMachines(machines: NspawnMachines, note: (text: string) => void): Promise<void> {
  note("bridge, address translation, base image");
  await machines.prepare();
  note("");
}

async function startController(
  paths: Paths,
  settings: Settings,
  person: Invoker,
  note: (text: string) => void,
): Promise<boolean> {
  const { daemon, changed } = await controllerDaemon(paths, settings);
  if (changed) await stop(daemon);
  const started = await start(daemon);
  await waitForController(paths, settings, daemon);
  const facts = await controllerFacts(paths);
  const endpoint = `127.0.0.1:${settings.apiPort}`;
  note(endpoint);
  writeClientFiles(
    clientDirectory(person),
    { controllerName: settings.instance, ...facts, endpoints: [endpoint] },
    person,
  );
  return started;
}

/** Deploys what is not there: the charms, their relation, as many workers as were asked for. Returns whether anything was. */
async function deployBundle(
  client: Client,
  settings: Settings,
  { charms, packageReference }: Artifacts,
  wanted: number | undefined,
  note: (text: string) => void,
): Promise<boolean> {
  const { model, workers, ranges } = settings;
  const { models } = await client.json<{ models: { "short-name": string }[] }>(["models"]);
  if (!models.some(({ "short-name": name }) => name === model)) await client.must(["add-model", model]);
  const status = await client.json<StatusDocument & Related>(["status"]);
  const resource = ["--resource", `node-package=${packageReference}`];
  const { k8s, "k8s-worker": worker } = status.applications;
  const have = Object.keys(worker?.units ?? {}).length;
  const wantsWorkers = workers > 0 || worker !== undefined;
  const cidrs = [`bootstrap-pod-cidr=${ranges.pods}`, `bootstrap-service-cidr=${ranges.services}`];
  const todo: string[][] = [];
  if (!k8s)
    todo.push(["deploy", charms.k8s, "k8s", ...resource, ...cidrs.flatMap((cidr) => ["--config", cidr])]);
  if (!worker && workers > 0)
    todo.push(["deploy", charms["k8s-worker"], "k8s-worker", "-n", String(workers), ...resource]);
  if (worker && have < workers) todo.push(["add-unit", "k8s-worker", "-n", String(workers - have)]);
  if (todo.length > 0)
    note(
      todo.map(([verb, ...rest]) => `${verb} ${rest[0]?.endsWith(".charm") ? rest[1] : rest[0]}`).join(", "),
    );
  await Promise.all(todo.map((argv) => client.must(argv)));
  const related = Object.values(worker?.relations ?? {})
    .flat()
    .some((relation) => relation["related-application"] === "k8s");
  const mustRelate = wantsWorkers && !related;
  if (mustRelate) {
    note("integrate k8s k8s-worker");
    await client.must(["integrate", "k8s", "k8s-worker"]);
  }
  const surplus = have > workers && wanted !== undefined;
  if (surplus)
    note(
      `${have} workers are there, ${workers} were asked for: take one away with "cantrip remove-unit k8s-worker/N"`,
    );
  else note(`${settings.model} on controller ${settings.instance}`);
  return todo.length > 0 || mustRelate;
}

interface Related {
  readonly applications: Record<
    string,
    {
      readonly relations?: Record<string, { readonly "related-application": string }[]>;
      readonly units?: Record<string, unknown>;
    }
  >;
}

/**
 * What a controller that was just started says of its units is what they were; an answer of theirs makes it what they are.
 * A unit that does not answer is declared lost meanwhile, and the wait for the cluster names it.
 */
async function waitForAgents(client: Client): Promise<void> {
  const names = ourApplications(await client.json<StatusDocument>(["status"]));
  if (names.length > 0)
    await client.run(["exec", "--application", names.join(","), "--wait", "60s", "--", "true"]);
}

/** @throws Error that names the units that did not arrive and what they say */
async function waitForCluster(client: Client, progress: Progress, signal: AbortSignal): Promise<void> {
  const end = Date.now() + clusterMs;
  const seen = new Map<string, { key: string; since: number }>();
  for (;;) {
    signal.throwIfAborted();
    const lines = unitLines(await client.json<StatusDocument>(["status"]), seen, Date.now());
    progress.units(lines);
    if (arrived(lines)) return;
    const hopeless = stuck(lines, Date.now(), patienceMs);
    if (hopeless.length > 0 || Date.now() > end) {
      const late = hopeless.length > 0 ? hopeless : lines.filter(({ state }) => state !== "active");
      const list = late.map(({ unit, state, step }) => `  - ${unit} is ${state}: ${step}`).join("\n");
      throw new Error(
        `The cluster did not come up:\n${list}\nSee "cantrip debug-log --replay" and "cantrip status"; "cantrip up" goes on from here`,
      );
    }
    await sleep(150, undefined, { signal });
  }
}

interface Finished {
  readonly client: Client;
  readonly settings: Settings;
  readonly artifacts: Artifacts;
  readonly person: Invoker;
  readonly paths: Paths;
  readonly progress: Progress;
  readonly changed: boolean;
}

async function finish({
  client,
  settings,
  artifacts,
  person,
  paths,
  progress,
  changed,
}: Finished): Promise<UpReport> {
  const kubeconfig = kubeconfigPath(person, settings.model);
  const status = await progress.phase("kubeconfig", async (note) => {
    note(kubeconfig);
    const answer = await client.json<Record<string, { results: { kubeconfig?: string } }>>([
      "run",
      "k8s/leader",
      "get-kubeconfig",
    ]);
    const text = Object.values(answer)[0]?.results.kubeconfig;
    if (!text) throw new Error("The action get-kubeconfig of k8s/leader returned no kubeconfig");
    await writeOwned(kubeconfig, text, person);
    await writeOwned(
      clusterFile(clientDirectory(person)),
      `${JSON.stringify({ kubectl: join(artifacts.packageTree, "bin/kubectl"), kubeconfig })}\n`,
      person,
    );
    return await client.json<StatusDocument>(["status"]);
  });
  const machines = Object.values(status.applications).flatMap(({ units = {} }) =>
    Object.entries(units).map(([unit, { machine = "" }]) => ({
      unit,
      instance: status.machines[machine]?.["instance-id"] ?? "",
    })),
  );
  return {
    model: settings.model,
    kubeconfig,
    version: artifacts.packageVersion,
    packageTree: artifacts.packageTree,
    packageReference: artifacts.packageReference,
    charms: artifacts.charms,
    image: await baseImage(paths),
    dnsAddress: await dnsAddress(client),
    machines,
    changed,
    totalMs: progress.elapsedMs(),
    phases: progress.times(),
  };
}

/** Whole or not at all; the person's own; nobody else may read it. */
async function writeOwned(file: string, text: string, { uid, gid }: Invoker): Promise<void> {
  const folder = dirname(file);
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made) chownSync(made, uid, gid);
  if (made && made !== folder) chownSync(folder, uid, gid);
  const temporary = `${file}.${process.pid}.tmp`;
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.chown(uid, gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}

async function baseImage({ cache }: Paths): Promise<string> {
  const [newest = ""] = await readdir(join(cache, "images")).catch(() => []);
  return join(cache, "images", newest, "rootfs");
}

/** The address that pods ask for names. */
async function dnsAddress(client: Client): Promise<string> {
  const question = ["k8s", "kubectl", "get", "service", "coredns", "-n", "kube-system", "-o", "json"];
  const answer = await client.must(["exec", "--unit", "k8s/leader", "--format", "json", "--", ...question]);
  const { results } = Object.values(
    JSON.parse(answer) as Record<string, { results: { stdout?: string } }>,
  )[0] ?? { results: {} };
  const service = JSON.parse(results.stdout ?? "{}") as { spec?: { clusterIP?: string } };
  return service.spec?.clusterIP ?? "";
}
