/**
 * The controller in a process of its own, so that tests can kill it: `daemon.ts STATE MACHINES_CONFIG SOCKET PORT`.
 * Beside the API it answers one JSON line per JSON line on SOCKET: a command for a model, or a question about it.
 */
import { createServer } from "node:net";
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { openMachines } from "@cantrip/machines";
import { openController } from "../../src/controller.ts";
import type { Request } from "@cantrip/model";
import { readMachinesConfig } from "../../src/provision/config.ts";

const [state = "", configPath = "", socketPath = "", port = "0"] = process.argv.slice(2);
const controller = await openController({
  state,
  port: Number(port),
  log: (level, message) => console.log(`${new Date().toISOString()} ${level} ${message}`),
});
const config = readMachinesConfig(configPath);
await controller.provision(openMachines(config.instance), config);

interface Question {
  readonly ask:
    | "create-model"
    | "add-charm"
    | "execute"
    | "state"
    | "logs"
    | "secret"
    | "alive"
    | "addresses"
    | "history"
    | "put-blob"
    | "stop";
  readonly model?: string;
  readonly request?: Request;
  readonly path?: string;
  readonly contentId?: string;
  readonly tag?: string;
  readonly name?: string;
  readonly text?: string;
}

async function putBlob({ name = "", path = "", text = "" }: Question): Promise<unknown> {
  const info = await controller.blobs.put(Readable.from([Buffer.from(text)]));
  return { name, ...info, filename: path, uploadedAt: Date.now() };
}

async function answer(question: Question): Promise<unknown> {
  const { ask, model: name = "", request, path = "", contentId = "", tag = "" } = question;
  if (ask === "put-blob") return putBlob(question);
  if (ask === "create-model") return (await controller.models.create(name)).uuid;
  if (ask === "addresses") return controller.addresses;
  if (ask === "stop") return void controller.close().then(() => process.exit(0));
  const model = controller.models.byName(name);
  if (!model) throw new Error(`there is no model "${name}"`);
  if (ask === "add-charm") return (await controller.charms.add(model, path)).url;
  if (ask === "execute" && request) return model.execute(request, { by: "user", user: "user-admin" });
  if (ask === "logs") return controller.logs.query(model.uuid, {}, 100_000);
  if (ask === "secret") return controller.secretContent(model, contentId);
  if (ask === "alive") return controller.presence.agentAlive(model, tag);
  if (ask === "history") return controller.history.events(model.uuid, { limit: 100_000 });
  return model.state;
}

rmSync(socketPath, { force: true });
createServer((socket) => {
  socket.on("error", () => socket.destroy());
  createInterface({ input: socket }).on("line", (line) => {
    answer(JSON.parse(line) as Question).then(
      (value) => socket.write(`${JSON.stringify({ value: value ?? null })}\n`),
      (error: Error & { code?: string }) =>
        socket.write(`${JSON.stringify({ error: error.message, code: error.code })}\n`),
    );
  });
}).listen(socketPath, () => console.log("ready"));
