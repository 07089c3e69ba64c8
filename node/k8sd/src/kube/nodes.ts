/** All Nodes of the cluster, kept up to date by list and watch; says so on each change. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";
import { KubeError, type KubeClient, type NodeObject, type WatchEvent } from "./client.ts";

const PATH = "/api/v1/nodes";

export class NodeWatcher {
  readonly #kube: KubeClient;
  readonly #onChange: (nodes: readonly NodeObject[]) => void;
  readonly #nodes = new Map<string, NodeObject>();
  readonly #stop = new AbortController();
  #lastComplaint = "";

  constructor(kube: KubeClient, onChange: (nodes: readonly NodeObject[]) => void) {
    this.#kube = kube;
    this.#onChange = onChange;
  }

  /** Runs until stopped; errors are logged once and tried again. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        this.#complain(messageOf(error));
        await sleep(error instanceof KubeError && error.code === 410 ? 0 : 100, undefined, { signal }).catch(
          () => undefined,
        );
      }
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  async #follow(signal: AbortSignal) {
    const list = await this.#kube.get<{ metadata: { resourceVersion: string }; items: NodeObject[] }>(PATH);
    this.#nodes.clear();
    for (const node of list.items) this.#nodes.set(node.metadata.name, node);
    this.#changed();
    let version = list.metadata.resourceVersion;
    while (!signal.aborted) {
      await this.#kube.watch<NodeObject>(
        PATH,
        version,
        (event) => void (version = this.#take(event) ?? version),
        signal,
      );
    }
  }

  /** Returns the version to continue from. @throws KubeError when the server wants a new list */
  #take({ type, object }: WatchEvent<NodeObject>): string | undefined {
    if (type === "ERROR") throw new KubeError({ method: "GET", path: PATH }, 410, object);
    if (type === "DELETED") this.#nodes.delete(object.metadata.name);
    else if (type !== "BOOKMARK") this.#nodes.set(object.metadata.name, object);
    if (type !== "BOOKMARK") this.#changed();
    return object.metadata.resourceVersion;
  }

  #changed() {
    this.#lastComplaint = "";
    this.#onChange([...this.#nodes.values()]);
  }

  #complain(text: string) {
    if (text !== this.#lastComplaint) log.warning(`cannot follow Nodes: ${text}; trying again`);
    this.#lastComplaint = text;
  }
}
