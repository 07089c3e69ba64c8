import type { StateStore } from "../framework/stored.ts";
import type { ToolRunner } from "../tools/runner.ts";

const never = (): Promise<never> => new Promise(() => undefined);

/**
 * A process that may be killed: before it does anything, after any of its calls to the outside has done its work and before the
 * answer is there, or at its very end, before Juju hears of it. A call that meets the death never settles, and no later one begins;
 * so nothing of the charm runs on, no `catch` and no `finally`.
 */
export class Mortal {
  /** The place at which it died, once it has. */
  death: string | undefined;
  readonly #at: number;
  readonly #died = Promise.withResolvers<undefined>();
  #passed = 0;

  /** @param at the number of places that it passes alive; by default all of them */
  constructor(at = Infinity) {
    this.#at = at;
  }

  /** What the process came to; undefined if it was killed. */
  async untilDeath<Result>(live: () => Promise<Result>): Promise<Result | undefined> {
    if (this.#dies("before its first call")) return undefined;
    const life = live().then((result) => (this.#dies("at its end, before its commit") ? undefined : result));
    return Promise.race([life, this.#died.promise]);
  }

  runner(runner: ToolRunner): ToolRunner {
    return { run: (call) => this.#call(call.argv.join(" "), () => runner.run(call)) };
  }

  store(store: StateStore): StateStore {
    return {
      read: () => store.read(),
      write: (data) => {
        if (this.death === undefined) store.write(data);
      },
    };
  }

  /** The same object, whose asynchronous methods are calls to the outside, and those of the objects in it. */
  port<Fakes>(fakes: Fakes): Fakes {
    return isPort(fakes) && this.#at !== Infinity ? this.#watched(fakes, "") : fakes;
  }

  #watched<Port extends object>(port: Port, path: string): Port {
    return new Proxy(port, {
      get: (target, key) => {
        // Its own receiver: private fields are the target's.
        const value: unknown = Reflect.get(target, key, target);
        const name = `${path}${String(key)}`;
        if (typeof value === "function")
          return (...args: unknown[]): unknown =>
            this.#method(name, () => Reflect.apply(value, target, args) as unknown);
        return isPort(value) ? this.#watched(value, `${name}.`) : value;
      },
    });
  }

  #method(name: string, act: () => unknown): unknown {
    if (this.death !== undefined) return never();
    const result = act();
    return result instanceof Promise ? this.#call(name, () => result) : result;
  }

  async #call<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
    if (this.death !== undefined) return never();
    try {
      return await act();
    } finally {
      // A call that is refused has an answer as well.
      if (this.death !== undefined || this.#dies(`after ${name}`)) await never();
    }
  }

  #dies(place: string): boolean {
    if (this.death !== undefined) return true;
    this.#passed += 1;
    if (this.#passed <= this.#at) return false;
    this.death = place;
    this.#died.resolve(undefined);
    return true;
  }
}

const isPort = (value: unknown): value is object =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  ![Map, Set, Date, Promise, Error].some((kind) => value instanceof kind);
