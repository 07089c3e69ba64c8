/** A charm that does what `script.json` in its directory says, and writes down what it saw. `python/charm.py` is its twin. */
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Charm, EventSource, type Framework, HookEvent } from "@cantrip/lib";
import { nameOf, operations } from "./operations.ts";

export type Op = readonly [name: string, ...args: unknown[]];
type Script = Readonly<Record<string, readonly Op[]>>;

/** What a library would define: an event of this program's own. */
export interface Pinged {
  readonly name: "pinged";
  readonly word: string;
}

export class TwinCharm extends Charm {
  readonly pinged = new EventSource<Pinged>("pinged");
  readonly #script: Script;

  constructor(framework: Framework) {
    super(framework);
    this.#script = JSON.parse(readFileSync(join(this.charmDir, "script.json"), "utf8")) as Script;
    const follow = (event: HookEvent | Pinged): Promise<void> => this.follow(event);
    for (const event of Object.keys(this.#script))
      framework.observe(new EventSource<HookEvent>(event), follow, { as: "follow" });
  }

  see(what: string, value: unknown): void {
    appendFileSync(join(this.charmDir, "seen.jsonl"), `${JSON.stringify([what, value])}\n`);
  }

  async follow(event: HookEvent | Pinged): Promise<void> {
    this.see("event", event.name);
    for (const op of this.#script[event.name] ?? []) await this.perform(event, op);
  }

  async perform(event: HookEvent | Pinged, [name, ...args]: Op): Promise<void> {
    if (name === "try") return this.#attempt(event, args[0] as Op);
    const operation = operations[name];
    if (operation === undefined) throw new Error(`no operation "${name}"`);
    const seen = await operation({ charm: this, event: event as HookEvent }, args);
    if (seen !== undefined) this.see(name, seen);
  }

  async #attempt(event: HookEvent | Pinged, op: Op): Promise<void> {
    try {
      await this.perform(event, op);
      this.see("try", "went well");
    } catch (error) {
      this.see("try", nameOf(error));
    }
  }
}
