/** The log lines of a task, as a watcher of strings: the command shows them while it waits. */
import { ApiError, type ConnectionResource } from "../../facade.ts";
import type { LiveModel } from "../../models.ts";
import { own, time } from "../values.ts";

export class ProgressWatcher implements ConnectionResource {
  readonly #model: LiveModel;
  readonly #task: string;
  readonly #unsubscribe: () => void;
  #told = 0;
  #isStopped = false;
  #wake: () => void = () => undefined;

  constructor(model: LiveModel, task: string) {
    this.#model = model;
    this.#task = task;
    this.#unsubscribe = model.subscribe(() => this.#wake());
  }

  /** JSON texts of the lines that were not told yet. */
  news(): string[] {
    const log = own(this.#model.state.tasks, this.#task)?.log ?? [];
    const lines = log.slice(this.#told);
    this.#told = log.length;
    return lines.map(({ at, message }) => JSON.stringify({ timestamp: time(at), message }));
  }

  /** @throws ApiError "stopped" */
  async next(): Promise<string[]> {
    for (;;) {
      if (this.#isStopped) throw new ApiError("stopped", "watcher has been stopped");
      const news = this.news();
      if (news.length > 0) return news;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#unsubscribe();
    this.#wake();
  }
}
