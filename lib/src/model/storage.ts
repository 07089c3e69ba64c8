import type { HookTools } from "../tools/tools.ts";
import { Answers } from "./answers.ts";

/** One attached storage instance. */
export class StorageInstance {
  readonly id: string;
  readonly name: string;
  readonly index: number;
  readonly #tools: HookTools;
  readonly #location = new Answers<string>();

  /** @internal */
  constructor(tools: HookTools, id: string, location?: string) {
    const slash = id.lastIndexOf("/");
    this.id = id;
    this.name = id.slice(0, slash);
    this.index = Number(id.slice(slash + 1));
    this.#tools = tools;
    if (location !== undefined) this.#location.set(id, location);
  }

  /** Its mount point or device. */
  location(): Promise<string> {
    return this.#location.get(this.id, async () => (await this.#tools.storageGet(this.id)).location);
  }
}
