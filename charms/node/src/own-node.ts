/** The own node in one dispatch: what was found out once is not asked again, and every wish to be woken is kept until the end. */
import type { Charm } from "@cantrip/lib";
import type { KubernetesNode } from "./kubernetes/api.ts";
import type { PackageManifest } from "./package/manifest.ts";
import type { NodePorts } from "./ports.ts";
import type { NodeIdentity } from "./service.ts";

export class OwnNode {
  readonly charm: Charm;
  readonly ports: NodePorts;
  /** Set by the step that installs it. */
  manifest: PackageManifest | undefined;
  /** Set by the step that finds it in the API. */
  kubernetesNode: KubernetesNode | undefined;
  #identity: Promise<NodeIdentity> | undefined;
  #wakeAfterSeconds: number | undefined;

  constructor(charm: Charm, ports: NodePorts) {
    this.charm = charm;
    this.ports = ports;
  }

  get name(): string {
    return this.ports.nodeName;
  }

  /** @throws NodeUnavailable, NodeRefused: then nothing is known, least of all that the node is in no cluster */
  identity(): Promise<NodeIdentity> {
    const asked = (this.#identity ??= this.ports.service.identity());
    asked.catch(() => (this.#identity = undefined));
    return asked;
  }

  /** To be called after what changes the identity, or may have. */
  forgetIdentity(): void {
    this.#identity = undefined;
  }

  async isMember(): Promise<boolean> {
    return (await this.identity()).kind === "member";
  }

  /** Asks for a hook in so many seconds; the earliest wish counts. */
  wakeAfter(seconds: number): void {
    this.#wakeAfterSeconds = Math.min(this.#wakeAfterSeconds ?? Infinity, seconds);
  }

  /** At the end of the dispatch. A hook that has done its work does not fail because of its alarm clock. */
  async armWake(): Promise<void> {
    if (this.#wakeAfterSeconds === undefined) return;
    try {
      await this.ports.waker.wakeAfter(this.#wakeAfterSeconds);
    } catch (error) {
      this.charm.log.warning(`Cannot arrange for the next look: ${(error as Error).message}`);
    }
  }
}
