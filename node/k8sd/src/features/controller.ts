/**
 * Makes features, rights and node labels be as configured: woken by changes, and from time to time against drift. It works
 * on the one control plane that leads.
 */
import type { FeatureName } from "@cantrip/metadata/k8sd";
import { messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";

const AGAIN_AFTER_FAILURE_MS = 1_000;
const DRIFT_CHECK_MS = 300_000;

export interface Pass {
  readonly name: FeatureName | "access" | "labels" | "joins";
  run(): Promise<void>;
}

export class FeatureController {
  /** What failed at the last pass, by part. */
  readonly complaints = new Map<string, string>();
  readonly #passes: readonly Pass[];
  #running: Promise<void> | undefined;
  #again = false;
  #isLeading = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(passes: readonly Pass[]) {
    this.#passes = passes;
  }

  /** Soon after this, everything has been looked at once more. */
  wake(): void {
    if (!this.#isLeading) return;
    this.#again = true;
    this.#running ??= this.#work().finally(() => (this.#running = undefined));
  }

  lead(): void {
    this.#isLeading = true;
    this.wake();
  }

  /** Another control plane may lead: begins nothing more. */
  resign(): void {
    this.#isLeading = false;
    this.#again = false;
    clearTimeout(this.#timer);
    this.complaints.clear();
  }

  async stop(): Promise<void> {
    this.resign();
    await this.#running;
  }

  async #work() {
    while (this.#again) {
      this.#again = false;
      await Promise.all(this.#passes.map((pass) => this.#run(pass)));
    }
    if (!this.#isLeading) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.wake(),
      this.complaints.size > 0 ? AGAIN_AFTER_FAILURE_MS : DRIFT_CHECK_MS,
    ).unref();
  }

  async #run(pass: Pass) {
    const { name } = pass;
    try {
      await pass.run();
      if (this.complaints.delete(name)) log.info(`${name}: works again`);
    } catch (error) {
      const text = messageOf(error);
      if (this.complaints.get(name) !== text) log.warning(`${name}: ${text}; trying again`);
      this.complaints.set(name, text);
    }
  }
}
