/**
 * What nodes say of themselves that the Kubernetes API has no place for. Kept in memory by every control plane, for as long
 * as a node repeats it.
 */
import { messageOf } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { REPORT_PATH } from "./joining.ts";
import { callPeer, ownTls } from "./peer.ts";

const REPEAT_MS = 60_000;
const FORGET_MS = 200_000;

/** A control plane's memory of the reports. */
export class Reports {
  readonly #heard = new Map<string, { readonly problems: readonly string[]; readonly at: number }>();

  take(name: string, problems: readonly string[]): void {
    this.#heard.set(name, { problems, at: performance.now() });
  }

  /** Problems of all nodes that were heard of lately, each with its node's name. */
  problems(): string[] {
    return [...this.#heard].flatMap(([name, { problems, at }]) =>
      performance.now() - at > FORGET_MS ? [] : problems.map((problem) => `${name}: ${problem}`),
    );
  }
}

/** Tells every control plane of this node's problems when they change, and again from time to time. */
export class Reporter {
  readonly #paths: Paths;
  readonly #identity: () => Identity;
  readonly #problems: () => readonly string[];
  readonly #timer: NodeJS.Timeout;
  #told: string | undefined;
  #toldAt = 0;

  constructor(paths: Paths, identity: () => Identity, problems: () => readonly string[]) {
    this.#paths = paths;
    this.#identity = identity;
    this.#problems = problems;
    this.#timer = setInterval(() => void this.#look(), 5_000).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look() {
    const problems = this.#problems();
    const text = problems.join("; ");
    const isDue = performance.now() - this.#toldAt > REPEAT_MS;
    if (this.#identity().journal || (text === this.#told && !isDue)) return;
    // A node without problems says so once, and has nothing to repeat.
    if (text === "" && this.#told === "") return;
    this.#told = text;
    this.#toldAt = performance.now();
    await this.#tell(problems);
  }

  async #tell(problems: readonly string[]) {
    const { peers, address: own } = this.#identity();
    const tls = await ownTls(this.#paths);
    const body = { networkProblems: problems };
    for (const address of peers.filter((peer) => peer !== `${own}:6400`))
      await callPeer({ address, tls, path: REPORT_PATH, body, timeoutMs: 5_000 }).catch((error: unknown) =>
        log.debug(`${address} did not take this node's report: ${messageOf(error)}`),
      );
  }
}
