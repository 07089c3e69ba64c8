/** The long poll behind `Next`: answers at once when there is news, else when the model changes. */
import { ApiError, type Connection, type ConnectionResource } from "../../facade.ts";
import type { LiveModel } from "../../models.ts";
import { modelOf } from "../values.ts";
import { Told, type Delta } from "./deltas.ts";
import { entitiesOf, type WatchContext } from "./entities.ts";

/** Changes within this time make one answer. */
const coalesceMs = 30;
/** Agents fall silent without an event of the model: looked at this often. */
const silenceCheckMs = 5_000;

export class ModelWatcher implements ConnectionResource {
  readonly #model: LiveModel;
  readonly #context: WatchContext;
  readonly #told = new Told();
  readonly #stopped = new AbortController();
  readonly #unsubscribe: () => void;
  #wake: () => void = () => undefined;

  constructor(connection: Connection) {
    const { controller } = connection;
    const model = modelOf(connection);
    this.#model = model;
    this.#context = {
      isAlive: (tag) => controller.presence.agentAlive(model, tag),
      version: controller.version,
      controllerUuid: controller.uuid,
      annotations: (tag) => controller.annotations.get(model.uuid, tag),
    };
    this.#unsubscribe = model.subscribe(() => this.#wake());
  }

  /** @throws ApiError "stopped" */
  async next(): Promise<Delta[]> {
    for (;;) {
      if (this.#stopped.signal.aborted) throw new ApiError("stopped", "watcher was stopped");
      const deltas = this.#told.deltas(entitiesOf(this.#model.state, this.#context));
      if (deltas.length > 0) return deltas;
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const check = setTimeout(resolve, silenceCheckMs);
      this.#wake = () => {
        clearTimeout(check);
        setTimeout(resolve, coalesceMs);
      };
    });
  }

  stop(): void {
    this.#stopped.abort();
    this.#unsubscribe();
    this.#wake();
  }
}
