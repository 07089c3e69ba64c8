/**
 * One model, alive: its state in memory, its log on disk. A command is decided, appended in one transaction, applied and
 * announced before `execute` returns, so commands never overlap. Killed at any instant, it is replayed to the same state.
 */
import { apply, nextTimer, record } from "@cantrip/model";
import type { Command, HookChanges, ModelEvent, ModelState, Request, Source } from "@cantrip/model";
import type { LiveModel, LoggedEvent } from "../models.ts";
import type { EventLog } from "../store/event-log.ts";
import type { SecretVault } from "../store/secret-vault.ts";
import type { Clock } from "./clock.ts";

const snapshotEvery = 2_000;

export interface LiveModelParts {
  readonly log: EventLog;
  readonly vault: SecretVault;
  readonly clock: Clock;
  /** called when memory and log may differ, which only a defect can bring about: the process has to start again */
  readonly onFatal: (error: Error) => void;
}

type Listener = (events: readonly LoggedEvent[]) => void;

export class Model implements LiveModel {
  readonly #parts: LiveModelParts;
  readonly #state: ModelState;
  readonly #listeners = new Set<Listener>();
  readonly #wakers = new Set<() => void>();
  readonly #announcements: LoggedEvent[][] = [];
  #announcing = false;
  #version = 0;
  #sinceSnapshot = 0;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  /** Replays the log of a model that `genesis` began. */
  constructor(genesis: ModelState, parts: LiveModelParts) {
    this.#parts = parts;
    const { snapshot, events } = parts.log.load(genesis.uuid);
    this.#state = snapshot?.state ?? genesis;
    this.#version = snapshot?.seq ?? 0;
    for (const { seq, event } of events) this.#apply(seq, event);
    this.#sweepSecrets();
    this.#maybeSnapshot();
  }

  get uuid(): string {
    return this.#state.uuid;
  }
  get name(): string {
    return this.#state.name;
  }
  get state(): Readonly<ModelState> {
    return this.#state;
  }
  get version(): number {
    return this.#version;
  }

  async execute(request: Request, source: Source): Promise<readonly ModelEvent[]> {
    if (this.#closed) throw new Error(`cannot change model "${this.name}": the controller is stopping`);
    const now = this.#parts.clock.now();
    const contents: SealedContent[] = [];
    const command = this.#separateContents({ ...request, now }, contents);
    const recorded = record(this.#state, command, source);
    if (recorded.length === 0) return [];
    const logged = this.#parts.log.append(this.uuid, recorded, () => {
      for (const c of contents) this.#parts.vault.write(this.uuid, c.secret, c.contentId, c.content);
    });
    for (const { seq, event } of logged) this.#apply(seq, event);
    const events = recorded.map(({ event }) => event);
    if (events.some(({ type }) => /secret|removed|committed/.test(type))) this.#sweepSecrets();
    this.#schedule();
    this.#maybeSnapshot();
    this.#announce(logged);
    return events;
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Like `subscribe`, and also when a timer has passed that changed nothing but what is due. */
  onWake(waker: () => void): () => void {
    this.#wakers.add(waker);
    return () => this.#wakers.delete(waker);
  }

  /** Something beside the state has changed that agents are told (ssh keys). */
  wake(): void {
    for (const waker of this.#wakers) waker();
  }

  /** Begins to look at the clock. */
  start(): void {
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
  }

  snapshot(): void {
    this.#parts.log.saveSnapshot(this.uuid, this.#version, this.#parts.clock.now(), this.#state);
    this.#parts.log.compact(this.uuid, this.#parts.clock.now());
    this.#sinceSnapshot = 0;
  }

  #apply(seq: number, event: ModelEvent): void {
    try {
      apply(this.#state, event);
    } catch (cause) {
      const error = new Error(`cannot apply event ${seq} (${event.type}) to model "${this.name}"`, { cause });
      this.#parts.onFatal(error);
      throw error;
    }
    this.#version = seq;
    this.#sinceSnapshot += 1;
  }

  /** Listeners see the batches in order, even if one of them executes a command. */
  #announce(logged: LoggedEvent[]): void {
    this.#announcements.push(logged);
    if (this.#announcing) return;
    this.#announcing = true;
    try {
      for (let batch = this.#announcements.shift(); batch; batch = this.#announcements.shift()) {
        for (const listener of this.#listeners) listener(batch);
        this.wake();
      }
    } finally {
      this.#announcing = false;
    }
  }

  #schedule(): void {
    this.#cancelTimer?.();
    const due = this.#closed ? undefined : nextTimer(this.#state);
    if (due === undefined) return;
    this.#cancelTimer = this.#parts.clock.after(due - this.#parts.clock.now(), () => void this.#tick());
  }

  async #tick(): Promise<void> {
    if (this.#closed) return;
    const events = await this.execute({ type: "tick" }, { by: "clock" });
    if (events.length > 0) return;
    this.wake();
    // A timer that is due and changes nothing must not spin.
    this.#cancelTimer?.();
    const due = nextTimer(this.#state);
    if (due !== undefined)
      this.#cancelTimer = this.#parts.clock.after(
        Math.max(due - this.#parts.clock.now(), 1_000),
        () => void this.#tick(),
      );
  }

  #maybeSnapshot(): void {
    if (this.#sinceSnapshot >= snapshotEvery) this.snapshot();
  }

  #sweepSecrets(): void {
    const secrets = Object.values(this.#state.secrets);
    const contents = new Set(secrets.flatMap((s) => s.revisions.map((r) => r.contentId)));
    this.#parts.vault.retain(this.uuid, new Set(secrets.map((s) => s.id)), contents);
  }

  /** Contents of secrets leave the command: the model sees their id and checksum. */
  #separateContents(command: Command, contents: SealedContent[]): Command {
    if (command.type === "finish-operation" && "changes" in command.outcome && command.outcome.changes) {
      const changes = this.#withoutContents(command.outcome.changes, contents);
      return { ...command, outcome: { ...command.outcome, changes } };
    }
    if ((command.type === "finish-task" || command.type === "commit-exec") && command.changes) {
      return { ...command, changes: this.#withoutContents(command.changes, contents) };
    }
    return command;
  }

  #withoutContents(changes: HookChanges, contents: SealedContent[]): HookChanges {
    const secrets = changes.secrets.map((change) => {
      if ((change.kind !== "add" && change.kind !== "set") || !change.content) return change;
      const { content, ...rest } = change;
      const described = this.#parts.vault.describe(content);
      contents.push({ secret: change.id, contentId: described.contentId, content });
      return { ...rest, ...described };
    });
    return { ...changes, secrets };
  }
}

interface SealedContent {
  readonly secret: string;
  readonly contentId: string;
  readonly content: Record<string, string>;
}
