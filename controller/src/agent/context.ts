/**
 * A hook while it runs: what it sees, what it has buffered, and the answers to its tools. Tools run one at a time.
 * Most are answered from the view alone; those that need the controller wait while it is away.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import {
  emptyBuffer,
  ModelError,
  runHookTool,
  type HookBuffer,
  type HookEffects,
  type HookView,
} from "@cantrip/model";
import type { ResourceInfo } from "../api/agent-protocol.ts";
import type { LogLevel } from "../models.ts";
import { resourceFile } from "./downloads.ts";
import { failed, type ToolAnswer, type ToolCall } from "./frames.ts";
import { RemoteError, type Link } from "./link.ts";

/** how long a tool waits for a controller that is away, before it fails its hook */
const waitForController = { timeoutMs: 10 * 60_000 };

export interface ContextOptions {
  readonly id: string;
  readonly view: HookView;
  readonly link: Link;
  readonly resources: string;
  readonly log: (module: string, level: LogLevel, message: string) => void;
  /** after each tool that changed the buffer */
  readonly onBuffer: (buffer: HookBuffer) => void;
  readonly onRebootNow: () => void;
}

export class HookContext {
  readonly #options: ContextOptions;
  readonly buffer: HookBuffer = emptyBuffer();
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;
  #lostLeadership = false;

  constructor(options: ContextOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.id;
  }

  /** The hook is over: stragglers get an error. Resolves when the last tool under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail.catch(() => undefined);
  }

  run(call: ToolCall): Promise<ToolAnswer> {
    if (call.stdin === undefined && readsStdin(call.argv))
      return Promise.resolve({ stdout: "", stderr: "", exitCode: 0, needStdin: true });
    const result = this.#tail.then(() => this.#run(call));
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #run(call: ToolCall): Promise<ToolAnswer> {
    if (this.#closed) return failed(`bad request: bad context: the hook of context "${this.id}" has ended`);
    const before = JSON.stringify(this.buffer);
    const { view, onBuffer, onRebootNow } = this.#options;
    const answer = await runHookTool(view, this.buffer, [...call.argv], call.stdin, this.#effects(call.cwd));
    if (JSON.stringify(this.buffer) !== before) onBuffer(this.buffer);
    if (this.buffer.changes.reboot === "now") onRebootNow();
    return answer;
  }

  #effects(cwd: string): HookEffects {
    const { view, link, resources, log } = this.#options;
    const unit = view.unit;
    const ask = <T>(method: string, params: object) => call<T>(link, method, { unit, ...params });
    return {
      setStatus: (status) => ask("SetStatus", status),
      setWorkloadVersion: (version) => ask("SetWorkloadVersion", { version }),
      log: async (level, message) => log(`unit.${unit}.juju-log`, level as LogLevel, message),
      isLeader: () => this.#isLeader(),
      secretContent: (wanted) => ask("SecretContent", wanted),
      setLeaderSettings: (settings) => ask("SetLeaderSettings", { settings }),
      resourcePath: async (name) =>
        resourceFile(link, resources, name, await ask<ResourceInfo>("Resource", { name })),
      actionLog: (message) => ask("ActionLog", { task: view.action?.taskId ?? "", message }),
      newSecretId,
      readFile: (path) => readFile(resolve(cwd, path), "utf8"),
      now: () => Date.now(),
    };
  }

  /** Once lost, leadership stays lost for this hook. */
  async #isLeader(): Promise<boolean> {
    if (this.#lostLeadership) return false;
    const { leader } = await call<{ leader: boolean }>(this.#options.link, "IsLeader", {
      unit: this.#options.view.unit,
    });
    this.#lostLeadership = !leader;
    return leader;
  }
}

/** An error of the controller becomes the model's, whose words the tool prints. */
async function call<T>(link: Link, method: string, params: object): Promise<T> {
  try {
    return await link.call<T>(method, params, waitForController);
  } catch (error) {
    if (error instanceof RemoteError)
      throw new ModelError(error.code as ConstructorParameters<typeof ModelError>[0], error.message);
    throw error;
  }
}

/** `--file -`, in all the ways that a flag may be written. */
function readsStdin(argv: readonly string[]): boolean {
  return argv.some((word, i) => /^--?file=-$/.test(word) || (/^--?file$/.test(word) && argv[i + 1] === "-"));
}

/** 20 characters of 0-9a-v: 12 bytes in base 32, like Juju's ids. */
function newSecretId(): string {
  const alphabet = "0123456789abcdefghijklmnopqrstuv";
  return Array.from(randomBytes(20), (byte) => alphabet[byte & 31]).join("");
}
