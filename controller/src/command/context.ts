/** What every command gets: its world, the client's files, and connections that are closed when it ends. */
import type { Api } from "./api.ts";
import { ClientFiles, clientDirectory, qualified, type ModelEntry } from "./client-files.ts";
import { CommandError, RequestError } from "./errors.ts";
import type { Io } from "./io.ts";
import {
  controllerTarget,
  currentModel,
  isUuid,
  knownUuid,
  parseModelName,
  type ControllerTarget,
} from "./target.ts";
import type { Destination } from "./upload.ts";

/** Parsed options, by their camel-case names. */
export type Options = Record<string, string | boolean | string[] | undefined>;

export interface ModelConnection {
  readonly api: Api;
  readonly target: ControllerTarget;
  readonly uuid: string;
  /** `owner/name` as far as known */
  readonly name: string;
  readonly destination: Destination;
}

export class Context {
  readonly io: Io;
  readonly options: Options;
  readonly files: ClientFiles;
  readonly #open: Api[] = [];

  constructor(io: Io, options: Options) {
    this.io = io;
    this.options = options;
    this.files = new ClientFiles(clientDirectory(io.env));
  }

  /** To stderr: what people want to know and programs do not read. */
  inform(message: string): void {
    if (this.options["quiet"] !== true) this.io.err(`${message}\n`);
  }

  /** The controller that -c, -m or the environment name, else the current one. */
  target(): ControllerTarget {
    const { env } = this.io;
    const { controller } = parseModelName(this.#modelOption());
    const wanted =
      (this.options["controller"] as string | undefined) ??
      controller ??
      env["CANTRIP_CONTROLLER"] ??
      env["JUJU_CONTROLLER"];
    return controllerTarget(this.files, wanted || undefined);
  }

  #modelOption(): string | undefined {
    const { env } = this.io;
    return (this.options["model"] as string | undefined) ?? env["CANTRIP_MODEL"] ?? env["JUJU_MODEL"];
  }

  async controllerApi(target = this.target()): Promise<Api> {
    const { connect } = await import("./api.ts");
    return this.#keep(await connect(target));
  }

  /** @throws CommandError when no model is meant, or there is none of that name */
  async model(): Promise<ModelConnection> {
    const target = this.target();
    const name = parseModelName(this.#modelOption()).model ?? currentModel(this.files, target.name);
    if (!name) {
      throw new CommandError(
        `no model is selected on controller "${target.name}": name one with -m, or switch to one with "cantrip switch MODEL" (see "cantrip models")`,
      );
    }
    const uuid = knownUuid(this.files, target, name);
    return uuid === undefined ? this.#lookedUp(target, name) : this.#connected(target, name, uuid);
  }

  async #connected(target: ControllerTarget, name: string, uuid: string): Promise<ModelConnection> {
    const { connect } = await import("./api.ts");
    try {
      const api = this.#keep(await connect(target, uuid));
      const destination = { target, endpoint: api.endpoint, modelUuid: uuid };
      return {
        api,
        target,
        uuid,
        name: isUuid(name) ? name : qualified(target.account.user, name),
        destination,
      };
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes("unknown model")) throw error;
      this.forgetModel(target, name);
      throw new CommandError(
        `model ${qualified(target.account.user, name)} not found on controller "${target.name}": it is gone`,
        { cause: error },
      );
    }
  }

  /** The files may be older than the model. */
  async #lookedUp(target: ControllerTarget, name: string): Promise<ModelConnection> {
    const models = await this.refreshModels(target);
    const full = qualified(target.account.user, name);
    const found = Object.hasOwn(models, full) ? models[full] : undefined;
    if (found) return this.#connected(target, name, found.uuid);
    throw new CommandError(`model ${full} not found on controller "${target.name}": see "cantrip models"`);
  }

  /** Asks the controller which models there are, and writes it down. */
  async refreshModels(target: ControllerTarget): Promise<Record<string, ModelEntry>> {
    const api = await this.controllerApi(target);
    const answer = await api.call<{
      "user-models": { model: { name: string; uuid: string; "owner-tag": string } }[];
    }>("ModelManager", "ListModels", { tag: `user-${target.account.user}` });
    const models = Object.fromEntries(
      answer["user-models"].map(({ model }) => [
        `${model["owner-tag"].replace(/^user-/, "")}/${model.name}`,
        { uuid: model.uuid, type: "iaas", branch: "" },
      ]),
    );
    const file = this.files.models();
    const current = file.controllers[target.name]?.["current-model"];
    const isStill = current !== undefined && Object.hasOwn(models, current);
    file.controllers[target.name] = { models, ...(isStill ? { "current-model": current } : {}) };
    this.files.saveModels(file);
    return models;
  }

  forgetModel(target: ControllerTarget, name: string): void {
    const file = this.files.models();
    const entry = file.controllers[target.name];
    if (!entry) return;
    const full = qualified(target.account.user, name);
    delete entry.models[full];
    if (entry["current-model"] === full) delete entry["current-model"];
    this.files.saveModels(file);
  }

  #keep(api: Api): Api {
    this.#open.push(api);
    return api;
  }

  /** Whether what is removed has to be confirmed first: where the model's `mode` says so, as with juju. */
  async asksBeforeRemoval({ api }: ModelConnection): Promise<boolean> {
    if (this.options["prompt"] === false || this.options["dryRun"] === true) return false;
    if (this.io.env["JUJU_SKIP_CONFIRMATION"] === "1") return false;
    const { config } = await api.call<{ config: Record<string, { value: string }> }>(
      "ModelConfig",
      "ModelGet",
    );
    return (config["mode"]?.value ?? "").includes("requires-prompts");
  }

  close(): void {
    for (const api of this.#open.splice(0)) api.close();
  }

  /** Asks before what cannot be undone; `--no-prompt` and JUJU_SKIP_CONFIRMATION answer yes. */
  async confirm(question = ""): Promise<void> {
    const { env } = this.io;
    if (this.options["prompt"] === false || env["JUJU_SKIP_CONFIRMATION"] === "1") return;
    const answer = await this.io.ask(`${question}Continue [y/N]? `);
    if (answer === undefined)
      throw new CommandError(
        "nothing was done: stdin is no terminal, so nobody can confirm; say --no-prompt",
      );
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError("aborted");
  }
}

export interface ErrorItem {
  readonly error?: { readonly message: string; readonly code: string };
}

/** The first result, or its error thrown. */
export function first<Result extends object>({ results }: { results: (Result & ErrorItem)[] }): Result {
  const [result] = results;
  if (!result) throw new CommandError("the controller answered with no result");
  if (result.error) throw new RequestError(result.error.message, result.error.code);
  return result;
}
