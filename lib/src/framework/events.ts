import type { ActionParams } from "../charm-types.ts";
import type { HookTools } from "../tools/tools.ts";
import type { Status } from "../tools/types.ts";
import type { Relation } from "../model/relation.ts";
import type { Secret } from "../model/secret.ts";
import type { StorageInstance } from "../model/storage.ts";
import { EndDispatch } from "../errors.ts";
import { type Parse, parseWith, reasonOf } from "../load.ts";
import type { Json } from "./stored.ts";
import { flattenResults } from "./results.ts";

/** Something that can be observed: `Event` is what its handlers get. */
export class EventSource<Event> {
  /** Unique in a charm; `db-relation-changed`, or for events of a library such as `db.ready`. */
  readonly name: string;
  declare readonly __event?: Event;

  constructor(name: string) {
    this.name = name;
  }
}

/** An event whose handler cannot ask to be called again: it is about this moment only, or would not come back as it is. */
export class NotDeferrable extends Error {
  override readonly name = "NotDeferrable";

  /** @internal */
  constructor(event: string, reason = "it is about this moment only") {
    super(`Cannot defer "${event}": ${reason}`);
  }
}

/** Any event that Juju sends, and what may be deferred of a charm's own. */
export class HookEvent {
  readonly name: string;
  #deferred = false;

  /** @internal */
  constructor(name: string) {
    this.name = name;
  }

  /** Calls this handler again at the start of the next dispatch, of whatever kind. Prefer to reconcile in every event. */
  defer(): void {
    if (!this.isDeferrable) throw new NotDeferrable(this.name);
    // A subclass of a charm's own would be made again as what it extends, without its fields.
    if (!comesBack.has(this.constructor))
      throw new NotDeferrable(
        this.name,
        `what a ${this.constructor.name} holds is not kept; use a DataEvent`,
      );
    this.#deferred = true;
  }

  get isDeferrable(): boolean {
    return !["stop", "remove", "secret-rotate", "secret-expired"].includes(this.name);
  }

  /**
   * Whether the last handler deferred; asking clears it for the next handler.
   * @internal
   */
  takeDeferred(): boolean {
    const deferred = this.#deferred;
    this.#deferred = false;
    return deferred;
  }
}

/** Something moved in one relation. On `broken` the relation is no longer listed by the model; only the event has it. */
export class RelationEvent extends HookEvent {
  readonly relation: Relation;
  /** The remote application (the own one in a peer relation). */
  readonly app: string | undefined;
  /** The remote unit; absent for created, broken and changes of the application's databag. */
  readonly unit: string | undefined;
  /** Who leaves, in departed: the remote unit, or the own one. */
  readonly departingUnit: string | undefined;

  /** @internal */
  constructor(
    name: string,
    {
      relation,
      app,
      unit,
      departingUnit,
    }: Pick<RelationEvent, "relation" | "app" | "unit" | "departingUnit">,
  ) {
    super(name);
    this.relation = relation;
    this.app = app;
    this.unit = unit;
    this.departingUnit = departingUnit;
  }
}

/** A storage instance was attached, or is about to be detached. */
export class StorageEvent extends HookEvent {
  readonly storage: StorageInstance;

  /** @internal */
  constructor(name: string, storage: StorageInstance) {
    super(name);
    this.storage = storage;
  }
}

/** A secret has a new revision (`secret-changed`, for readers), or its owner has work to do (`rotate`, `expired`, `remove`). */
export class SecretEvent extends HookEvent {
  readonly secret: Secret;
  /** Only for secret-remove and secret-expired. */
  readonly revision: number | undefined;

  /** @internal */
  constructor(name: string, secret: Secret, revision: number | undefined) {
    super(name);
    this.secret = secret;
    this.revision = revision;
  }

  /** Removes the revision that the event is about. */
  async removeRevision(): Promise<void> {
    if (this.revision === undefined) throw new Error(`Cannot remove a revision: "${this.name}" names none`);
    await this.secret.removeRevision(this.revision);
  }
}

/**
 * An event of a charm's or library's own that may be deferred: its data is kept, and comes back with it. Events that nobody
 * defers need no class, any value will do.
 * @example
 * readonly ready = new EventSource<DataEvent<{ database: string }>>("db.ready");
 * await framework.emit(this.ready, new DataEvent(this.ready, { database: "shop" }));
 */
export class DataEvent<Data extends Json> extends HookEvent {
  readonly data: Data;

  constructor({ name }: Pick<EventSource<DataEvent<Data>>, "name">, data: Data) {
    super(name);
    this.data = data;
  }
}

/** Results of an action. Keys, and the keys of nested maps, are lower-case letters, digits and hyphens; values become text. */
export type ActionResults = { readonly [key: string]: string | number | boolean | ActionResults };

/**
 * An operator runs an action and waits for its end. It cannot be deferred. `this.on.action(name)` knows the type of the parameters; a
 * handler may say by `Results` what it answers.
 */
export class ActionEvent<
  Params = ActionParams,
  Results extends ActionResults = ActionResults,
> extends HookEvent {
  readonly id: string;
  readonly params: Params;
  readonly #tools: HookTools;

  /** @internal */
  constructor(name: string, { id, params, tools }: { id: string; params: Params; tools: HookTools }) {
    super(name);
    this.id = id;
    this.params = params;
    this.#tools = tools;
  }

  override get isDeferrable(): boolean {
    return false;
  }

  /**
   * The parameters as a value of the charm's own. If `parse` throws and `invalid` is "fail", the action fails with the reason, and
   * the dispatch ends there, well.
   */
  async loadParams<Value>(
    parse: Parse<Params, Value>,
    { invalid = "throw" }: { invalid?: "fail" | "throw" } = {},
  ): Promise<Value> {
    try {
      return parseWith(parse, this.params);
    } catch (error) {
      if (invalid === "throw") throw error;
      await this.fail(`Error in action parameters: ${reasonOf(error)}`);
      throw new EndDispatch(0);
    }
  }

  /** Tells the operator who waits. */
  async log(message: string): Promise<void> {
    await this.#tools.actionLog(message);
  }

  /**
   * Adds results; nested maps become dotted keys.
   * @throws ResultKeyError
   */
  async setResults(results: Partial<Results>): Promise<void> {
    await this.#tools.actionSet(flattenResults(results));
  }

  /** Marks the action as failed. The handler goes on; results stay. */
  async fail(message: string): Promise<void> {
    await this.#tools.actionFail(message);
  }
}

/** Gathers candidates for the status; the worst is set. */
export class CollectStatusEvent extends HookEvent {
  #worst: Status | undefined;

  override get isDeferrable(): boolean {
    return false;
  }

  /** Adds a candidate. The worst is set in the end: blocked, maintenance, waiting, active; of equals the first. */
  addStatus(status: Status): void {
    if (this.#worst === undefined || priority[status.status] > priority[this.#worst.status])
      this.#worst = status;
  }

  get worst(): Status | undefined {
    return this.#worst;
  }
}

/** Those that are made again from what is stored of them. */
const comesBack = new Set<unknown>([HookEvent, RelationEvent, StorageEvent, SecretEvent, DataEvent]);

/** Whether a handler of the event may defer it. */
export const canWait = (event: unknown): event is HookEvent =>
  event instanceof HookEvent && event.isDeferrable && comesBack.has(event.constructor);

const priority: Record<Status["status"], number> = { blocked: 4, maintenance: 3, waiting: 2, active: 1 };
