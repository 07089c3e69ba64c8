/**
 * The daemon. Chapters: flags, one controller per state directory, log file, controller, machines, stop in good order.
 *
 *   node controller/src/main.ts --state DIR --machines-config FILE [--name NAME] [--port PORT] [--log FILE]
 *
 * It is ready when `<state>/controller.json` names its addresses and GET /health answers.
 */
import { parseArgs } from "node:util";
import { createServer } from "node:net";
import { mkdirSync } from "node:fs";
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { openController, type OpenController } from "./controller.ts";
import { readMachinesConfig } from "./provision/config.ts";

const flags = parseArgs({
  options: {
    state: { type: "string" },
    "machines-config": { type: "string" },
    name: { type: "string", default: "cantrip" },
    port: { type: "string", default: "17070" },
    log: { type: "string" },
  },
}).values;
if (!flags.state) fail("expected --state DIR: where the controller keeps what it knows");
const state = resolve(flags.state);
const port = Number(flags.port);
if (!Number.isInteger(port) || port < 0 || port > 65_535)
  fail(`expected --port to be a port number, got "${flags.port}"`);

mkdirSync(state, { recursive: true, mode: 0o700 });
const lock = await lockState(state);
const logger = await openLog(flags.log ?? join(state, "controller.log"));
const log = (level: "info" | "warn" | "error", message: string): void => void logger.log(level, message);
process.on("uncaughtException", (error) => exit(1, `uncaught: ${error.stack ?? error.message}`));
process.on("unhandledRejection", (error) =>
  exit(1, `unhandled: ${error instanceof Error ? error.stack : String(error)}`),
);
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => exit(0, signal));

let controller: OpenController | undefined;
// The client facades register themselves.
await import("./facades/index.ts");
controller = await openController({
  state,
  name: flags.name,
  port,
  log,
  onStop: (reason) => exit(0, reason),
});
log("info", `controller ${controller.name} (${controller.uuid}) is up`);
const configPath = flags["machines-config"];
if (configPath !== undefined) await provision(controller, configPath);

async function provision(to: OpenController, path: string): Promise<void> {
  const config = readMachinesConfig(path);
  const { openMachines } = await import("@cantrip/machines");
  const machines = openMachines({ ...config.instance, onProgress: (line) => log("info", line) });
  for (let pause = 1_000; ; pause = Math.min(pause * 2, 60_000)) {
    try {
      return await to.provision(machines, config);
    } catch (error) {
      log(
        "error",
        `cannot provision machines: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}; trying again in ${pause / 1000} s`,
      );
      await new Promise((done) => setTimeout(done, pause));
    }
  }
}

/** An abstract socket has one owner on the host, and goes with it: no lock file to judge after a kill. */
async function lockState(directory: string): Promise<unknown> {
  const name = createHash("sha256").update(directory).digest("hex").slice(0, 24);
  const server = createServer((socket) => socket.destroy()).unref();
  return new Promise((done) => {
    server.once("error", () => fail(`another controller uses "${directory}": stop it first`));
    server.listen(`\0cantrip/controller/${name}`, () => done(server));
  });
}

async function openLog(path: string) {
  const { createLogger, format, transports } = await import("winston");
  const line = format.printf(
    ({ level, message, timestamp }) => `${String(timestamp)} ${level.toUpperCase()} ${String(message)}`,
  );
  const file = new transports.File({ filename: path, maxsize: 10 << 20, maxFiles: 5, tailable: true });
  return createLogger({
    level: "info",
    format: format.combine(format.timestamp(), line),
    transports: [file],
  });
}

let exiting = false;
function exit(code: number, reason: string): void {
  if (exiting) return;
  exiting = true;
  log(code === 0 ? "info" : "error", `stopping: ${reason}`);
  setTimeout(() => process.exit(1), 30_000).unref();
  const closed = controller?.close() ?? Promise.resolve();
  void closed
    .catch((error: unknown) => log("error", String(error)))
    .finally(() => {
      logger.on("finish", () => setTimeout(() => process.exit(code), 50));
      logger.end();
      void lock;
    });
}

function fail(message: string): never {
  process.stderr.write(`ERROR ${message}\n`);
  process.exit(2);
}
