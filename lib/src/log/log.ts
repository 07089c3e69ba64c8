import type { HookTools } from "../tools/tools.ts";
import type { JujuLogger } from "./juju-logger.ts";

export type LogLevel = "trace" | "debug" | "info" | "warning" | "error" | "critical";

/** The charm's log, as `debug-log` shows it. */
export interface Log {
  trace(text: string): void;
  debug(text: string): void;
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
  critical(text: string): void;
}

/** The log by way of juju-log. Its machinery is loaded with the first line, as most hooks write none. */
export class JujuLog implements Log {
  readonly #tools: HookTools;
  #logger: JujuLogger | undefined;
  #loading: Promise<JujuLogger> | undefined;
  readonly #waiting: [LogLevel, string][] = [];

  constructor(tools: HookTools) {
    this.#tools = tools;
  }

  trace(text: string): void {
    this.#write("trace", text);
  }

  debug(text: string): void {
    this.#write("debug", text);
  }

  info(text: string): void {
    this.#write("info", text);
  }

  warning(text: string): void {
    this.#write("warning", text);
  }

  error(text: string): void {
    this.#write("error", text);
  }

  critical(text: string): void {
    this.#write("critical", text);
  }

  /** Resolves when everything logged so far has reached Juju. */
  async flush(): Promise<void> {
    await (await this.#loading)?.flush();
  }

  #write(level: LogLevel, text: string): void {
    if (this.#logger !== undefined) return this.#logger.write(level, text);
    this.#waiting.push([level, text]);
    this.#loading ??= this.#load();
  }

  async #load(): Promise<JujuLogger> {
    const { JujuLogger } = await import("./juju-logger.ts");
    this.#logger = new JujuLogger((level, text) => this.#tools.log(level, text));
    for (const [level, text] of this.#waiting.splice(0)) this.#logger.write(level, text);
    return this.#logger;
  }
}
