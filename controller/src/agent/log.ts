/** Log records on their way to the controller: in batches, in order, and bounded while it is away. */
import type { LogLevel, LogRecord } from "../models.ts";
import type { Link } from "./link.ts";

const maxWaiting = 20_000;
const flushMs = 100;
/** juju-log takes 128 KiB at once */
const maxMessage = 256 << 10;

export class AgentLog {
  readonly #send: (records: readonly LogRecord[]) => Promise<unknown>;
  #waiting: LogRecord[] = [];
  #dropped = 0;
  #flushing = false;

  constructor(link: Link) {
    this.#send = (records) => link.call("Log", { records });
  }

  write(entity: string, module: string, level: LogLevel, message: string): void {
    if (this.#waiting.length >= maxWaiting) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
    this.#waiting.push({ at: Date.now(), entity, module, level, message: message.slice(0, maxMessage) });
    if (!this.#flushing) void this.#flush();
  }

  /** Sends what waits now, before whatever the caller sends next. */
  drain(): void {
    while (this.#waiting.length > 0) void this.#send(this.#take()).catch(() => undefined);
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    while (this.#waiting.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, flushMs));
      await this.#send(this.#take()).catch(() => undefined);
    }
    this.#flushing = false;
  }

  #take(): LogRecord[] {
    const batch = this.#waiting.splice(0, 500);
    const lost = this.#dropped;
    this.#dropped = 0;
    const message = `${lost} log lines were dropped while the controller was away`;
    return lost > 0 && batch[0] ? [{ ...batch[0], level: "WARNING", message }, ...batch] : batch;
  }
}
