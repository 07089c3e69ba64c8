/** A charm that does what `script.json` in its directory says, and writes down what it saw. `python/charm.py` is its twin. */
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Charm, type DataEvent, EventSource, type Framework, type HookEvent } from "@cantrip/lib";
import { nameOf, operations } from "./operations.ts";

export type Op = readonly [name: string, ...args: unknown[]];
type Script = Readonly<Record<string, readonly Op[]>>;

/** What it follows, and where it writes down what it saw. */
export interface Notes {
  readonly script: Script;
  readonly see: (line: string) => void;
}

const inFiles = (charmDir: string): Notes => ({
  script: JSON.parse(readFileSync(join(charmDir, "script.json"), "utf8")) as Script,
  see: (line) => appendFileSync(join(charmDir, "seen.jsonl"), line),
});

export class TwinCharm extends Charm {
  /** What a library would define: an event of this program's own. */
  readonly pinged = new EventSource<DataEvent<{ word: string }>>("pinged");
  readonly #notes: Notes;

  constructor(framework: Framework, notes?: Notes) {
    super(framework);
    this.#notes = notes ?? inFiles(this.charmDir);
    // A key of the script is an event, or `event as handler`.
    for (const key of Object.keys(this.#notes.script)) {
      const [event = "", as = "follow"] = key.split(" as ");
      framework.observe(new EventSource<HookEvent>(event), (emitted) => this.follow(key, emitted), { as });
    }
  }

  see(what: string, value: unknown): void {
    this.#notes.see(`${JSON.stringify([what, value])}\n`);
  }

  async follow(key: string, event: HookEvent): Promise<void> {
    this.see("event", key);
    for (const op of this.#notes.script[key] ?? []) await this.perform(event, op);
  }

  async perform(event: HookEvent, [name, ...args]: Op): Promise<void> {
    if (name === "try") return this.#attempt(event, args[0] as Op);
    const operation = operations[name];
    if (operation === undefined) throw new Error(`no operation "${name}"`);
    const seen = await operation({ charm: this, event }, args);
    if (seen !== undefined) this.see(name, seen);
  }

  async #attempt(event: HookEvent, op: Op): Promise<void> {
    try {
      await this.perform(event, op);
      this.see("try", "went well");
    } catch (error) {
      this.see("try", nameOf(error));
    }
  }
}
