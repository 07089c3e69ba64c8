import { AsyncLocalStorage } from "node:async_hooks";
import { type Logger, createLogger } from "winston";
import Transport from "winston-transport";
import type { LogLevel } from "./log.ts";
import { type Send, sendText } from "./send.ts";

interface Line {
  readonly level: LogLevel;
  readonly message: string;
}

const levels: Record<LogLevel, number> = { critical: 0, error: 1, warning: 2, info: 3, debug: 4, trace: 5 };
/** Set while a line is on its way to Juju: what is logged from there must not start the journey again. */
const sending = new AsyncLocalStorage<true>();

/** winston with one transport, to juju-log. A log that does not work ends no hook: its lines go to stderr, which the agent keeps too. */
export class JujuLogger {
  readonly #logger: Logger;
  readonly #transport: JujuTransport;

  constructor(send: Send) {
    this.#transport = new JujuTransport(send);
    this.#logger = createLogger({ levels, level: "trace", transports: [this.#transport] });
  }

  write(level: LogLevel, text: string): void {
    if (sending.getStore()) process.stderr.write(`${text}\n`);
    else this.#logger.log({ level, message: text });
  }

  flush(): Promise<void> {
    return this.#transport.flush();
  }
}

class JujuTransport extends Transport {
  readonly #send: Send;
  #last: Promise<void> = Promise.resolve();

  constructor(send: Send) {
    super({ level: "trace" });
    this.#send = send;
  }

  override log({ level, message }: Line, next: () => void): void {
    this.#last = this.#last.then(() => sending.run(true, () => this.#sendLine(level, message)));
    next();
  }

  async flush(): Promise<void> {
    let seen: Promise<void> | undefined;
    while (seen !== this.#last) await (seen = this.#last);
  }

  #sendLine(level: LogLevel, text: string): Promise<void> {
    return sendText(this.#send, { level, text }, (part, { exitCode, stderr }) => {
      process.stderr.write(`juju-log exited with ${exitCode} (${stderr.trim()}) on: ${part}\n`);
    });
  }
}
