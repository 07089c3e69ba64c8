/** The controller of this host: how it is started, when it is ready, and what clients must know of it. */
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MachinesConfig } from "@cantrip/controller";
import { boundFolders, repository } from "./artifacts.ts";
import { runningPid, type Daemon } from "./daemon.ts";
import { controllerState, machinesOptions, type Paths } from "./paths.ts";
import type { Settings } from "./settings.ts";

const readyMs = 30_000;
const configFile = (paths: Paths): string => join(paths.state, "machines.json");
const logFile = (paths: Paths): string => join(controllerState(paths), "daemon.log");

/** The service itself, as far as it is known without starting it. */
export function daemonOf(
  paths: Paths,
  { instance, apiPort }: Pick<Settings, "instance" | "apiPort">,
): Daemon {
  const program = join(repository, "controller/src/main.ts");
  const flags = [
    "--state",
    controllerState(paths),
    "--machines-config",
    configFile(paths),
    "--name",
    instance,
    "--port",
    String(apiPort),
  ];
  return {
    instance,
    argv: [process.execPath, program, ...flags],
    logFile: logFile(paths),
  };
}

/** Writes what the machines are made of, and returns the service that reads it, and whether it must read it anew. */
export async function controllerDaemon(
  paths: Paths,
  settings: Settings,
): Promise<{ daemon: Daemon; changed: boolean }> {
  const { runtimeDir, agentDir, packagesDir } = await boundFolders(paths.cache);
  const config: MachinesConfig = {
    instance: machinesOptions(paths, settings),
    machineBinds: [
      { source: runtimeDir, target: "/opt/cantrip/runtime", readOnly: true },
      { source: agentDir, target: "/opt/cantrip/agent", readOnly: true },
      { source: packagesDir, target: "/opt/cantrip/packages", readOnly: true },
    ],
    parallel: 2,
  };
  await mkdir(controllerState(paths), { recursive: true, mode: 0o700 });
  for (const folder of [runtimeDir, agentDir, packagesDir]) await mkdir(folder, { recursive: true });
  const [text, before] = [
    `${JSON.stringify(config, null, 2)}\n`,
    await readFile(configFile(paths), "utf8").catch(() => undefined),
  ];
  const temporary = `${configFile(paths)}.tmp`;
  await writeFile(temporary, text);
  await rename(temporary, configFile(paths));
  return { daemon: daemonOf(paths, settings), changed: before !== undefined && before !== text };
}

interface Identity {
  readonly uuid: string;
  readonly caCert: string;
  readonly adminPassword: string;
}

const identity = (paths: Paths): string => join(controllerState(paths), "controller.json");

/** @throws Error with the end of its log when it ends, or does not answer in time */
export async function waitForController(paths: Paths, { apiPort }: Settings, daemon: Daemon): Promise<void> {
  const end = Date.now() + readyMs;
  while (Date.now() < end) {
    if (
      existsSync(identity(paths)) &&
      (await answers(apiPort, (JSON.parse(readFileSync(identity(paths), "utf8")) as Identity).caCert))
    )
      return;
    await sleep(50);
    if (
      Date.now() > end - readyMs + 3000 &&
      runningPid(daemon) === undefined &&
      !existsSync("/run/systemd/system")
    )
      break;
  }
  const log = await readFile(logFile(paths), "utf8").catch(() => "");
  throw new Error(
    `The controller did not answer on 127.0.0.1:${apiPort} in ${readyMs / 1000} s; the end of ${logFile(paths)}:\n${log.split("\n").slice(-8).join("\n")}`,
  );
}

function answers(port: number, ca: string): Promise<boolean> {
  return new Promise((done) => {
    const asked = request(
      { host: "127.0.0.1", port, path: "/health", ca, servername: "juju-apiserver", timeout: 2000 },
      (response) => {
        response.resume();
        done(response.statusCode === 200);
      },
    );
    asked.on("error", () => done(false));
    asked.on("timeout", () => asked.destroy(new Error("timed out")));
    asked.end();
  });
}

export interface ControllerFacts {
  readonly uuid: string;
  readonly caCert: string;
  readonly user: string;
  readonly password: string;
  readonly sshKey: { readonly privateKey: string; readonly publicKey: string };
}

export async function controllerFacts(paths: Paths): Promise<ControllerFacts> {
  const { uuid, caCert, adminPassword } = JSON.parse(await readFile(identity(paths), "utf8")) as Identity;
  const key = join(controllerState(paths), "ssh_id_ed25519");
  const [privateKey, publicKey] = await Promise.all([readFile(key, "utf8"), readFile(`${key}.pub`, "utf8")]);
  return { uuid, caCert, user: "admin", password: adminPassword, sshKey: { privateKey, publicKey } };
}
