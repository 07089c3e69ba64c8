import type { Log } from "../log/log.ts";
import type { Model } from "../model/model.ts";
import type { HookTools } from "../tools/tools.ts";
import type { DispatchContext } from "./context.ts";
import type { CharmDefinition } from "./definition.ts";
import { type EventSource, type HookEvent, canWait } from "./events.ts";
import type { OpenWork } from "./open-work.ts";
import { restoreEvent, snapshotOf } from "./snapshots.ts";
import type { Notice, StoredData, StoredState } from "./stored.ts";

/** What is called with an event. A promise is awaited before the next handler is called; what it throws fails the hook. */
export type Handler<Event> = (event: Event) => void | Promise<void>;

interface Observer {
  readonly event: string;
  readonly name: string;
  readonly handle: Handler<unknown>;
}

export interface FrameworkParts {
  readonly context: DispatchContext;
  readonly definition: CharmDefinition;
  readonly model: Model;
  readonly tools: HookTools;
  readonly log: Log;
  readonly stored: StoredState;
  readonly notices: readonly Notice[];
  readonly work: OpenWork;
}

/** Brings events to those who observe them, in the order in which they began to. One per dispatch. */
export class Framework {
  readonly context: DispatchContext;
  readonly definition: CharmDefinition;
  readonly model: Model;
  readonly tools: HookTools;
  readonly log: Log;
  readonly stored: StoredState;
  readonly #observers: Observer[] = [];
  readonly #found: readonly Notice[];
  readonly #work: OpenWork;
  #notices: Notice[];

  /** @internal */
  constructor({ context, definition, model, tools, log, stored, notices, work }: FrameworkParts) {
    this.context = context;
    this.definition = definition;
    this.model = model;
    this.tools = tools;
    this.log = log;
    this.stored = stored;
    this.#found = notices;
    this.#work = work;
    this.#notices = [...notices];
  }

  /** Calls `handle` for each such event. `as` names the handler for deferrals; it must outlive upgrades, so name it where you defer. */
  observe<Event>(
    source: EventSource<Event>,
    handle: Handler<Event>,
    { as = handle.name || "handler" }: { as?: string } = {},
  ): void {
    const sameName = this.#observers.filter(
      ({ event, name }) => event === source.name && name.split("#")[0] === as,
    ).length;
    const name = sameName === 0 ? as : `${as}#${sameName + 1}`;
    this.#observers.push({ event: source.name, name, handle: handle as Handler<unknown> });
  }

  /** Whether any handler observes an event of this name, such as `config-changed`. */
  isObserved(event: string): boolean {
    return this.#observers.some((observer) => observer.event === event);
  }

  /**
   * Delivers an event now: also for events that a library defines itself. A handler that has deferred the very same event, or is at it,
   * is not called for it once more.
   */
  emit<Event>({ name }: Pick<EventSource<Event>, "name">, event: Event): Promise<void> {
    return this.#work.during(`"${name}"`, async () => {
      const observers = this.#observers.filter((candidate) => candidate.event === name);
      for (const [observer, notice] of this.#queue(observers, event)) {
        await observer.handle(event);
        if (notice !== undefined && !(event as HookEvent).takeDeferred()) this.#drop(notice);
      }
    });
  }

  /**
   * Those who are to be called, each with a place in the queue before the first of them is: so deferrals keep the order in which
   * events were emitted. Who has this very event in the queue already is not called for it a second time.
   */
  #queue(
    observers: readonly Observer[],
    event: unknown,
  ): readonly (readonly [Observer, Notice | undefined])[] {
    if (!canWait(event)) return observers.map((observer) => [observer, undefined]);
    const snapshot = snapshotOf(event);
    const notices = observers.map((observer): [Observer, Notice] => [
      observer,
      { event: observer.event, observer: observer.name, snapshot },
    ]);
    const added = notices.filter(([, notice]) => !this.#notices.some((queued) => same(queued, notice)));
    this.#notices.push(...added.map(([, notice]) => notice));
    return added;
  }

  #drop(notice: Notice): void {
    this.#notices = this.#notices.filter((queued) => queued !== notice);
  }

  /**
   * Calls those who deferred, in their order; whoever defers again keeps the place.
   * @internal
   */
  async replay(): Promise<void> {
    for (const notice of this.#found) {
      const observer = this.#observers.find(
        ({ event, name }) => event === notice.event && name === notice.observer,
      );
      const event = observer && (await restoreEvent(notice, this));
      if (observer && event) await observer.handle(event);
      else
        this.log.warning(`Dropped the deferred "${notice.event}": "${notice.observer}" observes it no more`);
      if (!event?.takeDeferred()) this.#drop(notice);
    }
  }

  /**
   * What the next dispatch must find, or undefined if that is what this one found.
   * @internal
   */
  changedState(): StoredData | undefined {
    const isSame =
      this.#notices.length === this.#found.length &&
      this.#notices.every((notice, n) => notice === this.#found[n]);
    if (isSame && !this.stored.isDirty) return undefined;
    return { values: this.stored.toJSON(), notices: this.#notices };
  }
}

function same(a: Notice, b: Notice): boolean {
  return (
    a.event === b.event &&
    a.observer === b.observer &&
    JSON.stringify(a.snapshot) === JSON.stringify(b.snapshot)
  );
}
