import type { HookTools } from "../tools/tools.ts";

/** One attached storage instance. */
export class StorageInstance {
  readonly id: string;
  readonly name: string;
  readonly index: number;
  readonly #tools: HookTools;
  #location: Promise<string> | undefined;

  /** @internal */
  constructor(tools: HookTools, id: string, location?: string) {
    const slash = id.lastIndexOf("/");
    this.id = id;
    this.name = id.slice(0, slash);
    this.index = Number(id.slice(slash + 1));
    this.#tools = tools;
    if (location !== undefined) this.#location = Promise.resolve(location);
  }

  /** Its mount point or device. */
  location(): Promise<string> {
    this.#location ??= this.#tools.storageGet(this.id).then(({ location }) => location);
    return this.#location;
  }
}
