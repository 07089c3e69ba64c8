import {
  type HookEffects,
  ModelError,
  type ModelState,
  type RecordedEvent,
  type Request,
  type SecretChange,
  type Source,
  apply,
  readSecret,
  record,
} from "@cantrip/model";
import type { LogLevel } from "../log/log.ts";
import { joinStatus } from "./given.ts";

type Content = Readonly<Record<string, string>>;

/**
 * What stands around the model in a test: its state, which only commands change, and what a controller keeps beside that, the
 * contents of secrets and the files of resources.
 */
export class MemoryJuju {
  readonly state: ModelState;
  readonly now: () => number;
  /** Paths of uploaded files, by application and name. */
  readonly resources = new Map<string, Readonly<Record<string, string>>>();
  /** What has happened, in order, and why. */
  readonly events: RecordedEvent[] = [];
  readonly #contents = new Map<string, Content>();
  #secretsMade = 0;

  constructor(state: ModelState, now: () => number) {
    this.state = state;
    this.now = now;
  }

  /** @throws ModelError */
  do(request: Request, by: Source["by"]): void {
    const recorded = record(this.state, { ...request, now: this.now() }, { by });
    for (const { event } of recorded) apply(this.state, event);
    this.events.push(...recorded);
  }

  keep(content: Content): { contentId: string; checksum: string } {
    const contentId = `content-${this.#contents.size + 1}`;
    this.#contents.set(contentId, { ...content });
    return { contentId, checksum: checksumOf(content) };
  }

  content(id: string): Record<string, string> {
    return { ...this.#contents.get(id) };
  }

  /** Before a commit: contents are put aside, and changes name them. */
  putAside(changes: readonly SecretChange[]): SecretChange[] {
    return changes.map((change) => {
      if ((change.kind !== "add" && change.kind !== "set") || change.content === undefined) return change;
      const { content, ...rest } = change;
      return { ...rest, ...this.keep(content) };
    });
  }

  /** Told apart, and the same in every run. */
  newSecretId(): string {
    this.#secretsMade += 1;
    const number = Object.keys(this.state.secrets).length + this.#secretsMade;
    const id = `secret${String(number).padStart(14, "0")}`;
    return Object.hasOwn(this.state.secrets, id) ? this.newSecretId() : id;
  }
}

const checksumOf = (content: Content): string =>
  JSON.stringify(Object.entries(content).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** What one hook does at once, and what it asks for late. */
export class MemoryEffects implements HookEffects {
  readonly logged: { level: LogLevel; text: string }[] = [];
  readonly statusHistory: string[] = [];
  readonly actionLines: string[] = [];
  readonly #juju: MemoryJuju;
  readonly #unit: string;

  constructor(juju: MemoryJuju, unit: string) {
    this.#juju = juju;
    this.#unit = unit;
  }

  async setStatus({
    application,
    status,
    message,
  }: Parameters<HookEffects["setStatus"]>[0]): ReturnType<HookEffects["setStatus"]> {
    const type = application ? "set-application-status" : "set-status";
    // The model refuses what is no status.
    this.#juju.do({ type, unit: this.#unit, status: status as "active", message }, "agent");
    if (!application) this.statusHistory.push(joinStatus({ status, message }));
  }

  async setWorkloadVersion(version: string): Promise<void> {
    this.#juju.do({ type: "set-workload-version", unit: this.#unit, version }, "agent");
  }

  async log(level: string, text: string): Promise<void> {
    this.logged.push({ level: level.toLowerCase() as LogLevel, text });
  }

  async isLeader(): Promise<boolean> {
    return this.#juju.state.applications[this.#application]?.leader === this.#unit;
  }

  async secretContent({
    id,
    label,
    mode,
  }: Parameters<HookEffects["secretContent"]>[0]): ReturnType<HookEffects["secretContent"]> {
    const found = readSecret(this.#juju.state, this.#unit, { id, label, mode });
    return { id: found.id, revision: found.revision, content: this.#juju.content(found.contentId) };
  }

  async resourcePath(name: string): Promise<string> {
    const path = this.#juju.resources.get(this.#application)?.[name];
    if (path === undefined)
      throw new ModelError("not found", `could not download resource: resource "${name}" not found`);
    return path;
  }

  async actionLog(message: string): Promise<void> {
    this.actionLines.push(message);
  }

  newSecretId(): string {
    return this.#juju.newSecretId();
  }

  async setLeaderSettings(settings: Record<string, string>): Promise<void> {
    this.#juju.do({ type: "set-leader-settings", unit: this.#unit, settings }, "agent");
  }

  async readFile(path: string): Promise<string> {
    throw new ModelError("not found", `no file "${path}": in memory, contents travel as arguments`);
  }

  now(): number {
    return this.#juju.now();
  }

  get #application(): string {
    return this.#juju.state.units[this.#unit]?.application ?? "";
  }
}
