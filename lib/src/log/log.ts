import type { HookTools } from "../tools/tools.ts";
import type { JujuLogger } from "./juju-logger.ts";

/** The levels of `juju-log`, from the least urgent to the most. */
export type LogLevel = "trace" | "debug" | "info" | "warning" | "error" | "critical";

/**
 * The charm's log, as `debug-log` shows it. A line goes to Juju in the background, in order, at the latest before the dispatch
 * ends; logging an error fails no hook. Never log the content of a secret.
 */
export interface Log {
  /** Every single step. */
  trace(text: string): void;
  /** What the charm decides, for its authors. */
  debug(text: string): void;
  /** What happened, for operators. */
  info(text: string): void;
  /** What somebody should look at. */
  warning(text: string): void;
  /** What went wrong. */
  error(text: string): void;
  /** What stops the workload. */
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
