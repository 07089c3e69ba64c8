/**
 * What wakes the unit besides Juju: a watcher of its Node, and a timer for what nobody will announce. Both run
 * `juju-exec UNIT`, so a wake is a hook like any other, here and on Juju alike.
 */
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run as realRun, type Run } from "../run.ts";
import { timerUnit, wakeUnit, watchUnit } from "./units.ts";
import { WATCH_NODE } from "./watch-node.sh.ts";

export interface Waker {
  /** Wakes the unit whenever its Node changes. Asking again with the same facts changes nothing. */
  watchNode(facts: { node: string; kubeconfig: string }): Promise<void>;
  /** Wakes the unit once, in so many seconds, after the present hook. The latest call counts. */
  wakeAfter(seconds: number): Promise<void>;
  remove(): Promise<void>;
}

const SYSTEMCTL_MS = 30_000;

export class SystemdWaker implements Waker {
  readonly #unit: string;
  readonly #name: string;
  readonly #systemd: string;
  readonly #scripts: string;
  readonly #run: Run;

  constructor(unit: string, { root = "/", run = realRun }: { root?: string; run?: Run } = {}) {
    this.#unit = unit;
    this.#name = `charm-${unit.replace("/", "-")}`;
    this.#systemd = join(root, "etc/systemd/system");
    this.#scripts = join(root, "usr/local/lib/cantrip-charm");
    this.#run = run;
  }

  async watchNode({ node, kubeconfig }: { node: string; kubeconfig: string }): Promise<void> {
    const script = join(this.#scripts, `${this.#name}-watch-node`);
    const service = watchUnit({ name: this.#name, script, unit: this.#unit, node, kubeconfig });
    const changed = [
      await writeIfDifferent(script, WATCH_NODE, 0o755),
      await writeIfDifferent(this.#path("watch.service"), service, 0o644),
    ];
    if (!changed.includes(true)) return;
    await this.#systemctl("daemon-reload");
    await this.#systemctl("enable", "--quiet", `${this.#name}-watch.service`);
    await this.#systemctl("restart", "--no-block", `${this.#name}-watch.service`);
  }

  async wakeAfter(seconds: number): Promise<void> {
    const changed = [
      await writeIfDifferent(this.#path("wake.service"), wakeUnit(this.#unit), 0o644),
      await writeIfDifferent(this.#path("wake.timer"), timerUnit(this.#unit, seconds), 0o644),
    ];
    if (changed.includes(true)) await this.#systemctl("daemon-reload");
    // A restart arms it anew, so that however many hooks ask, one wake is due.
    await this.#systemctl("restart", `${this.#name}-wake.timer`);
  }

  async remove(): Promise<void> {
    if (!(await this.#isInstalled())) return;
    const units = ["watch.service", "wake.timer", "wake.service"].map((kind) => `${this.#name}-${kind}`);
    // Not the wake itself: this hook may be what it runs.
    for (const unit of units.slice(0, 2))
      await this.#run(["systemctl", "disable", "--quiet", "--now", unit], { timeoutMs: SYSTEMCTL_MS }).catch(
        () => "",
      );
    for (const unit of units) await rm(join(this.#systemd, unit), { force: true });
    await rm(join(this.#scripts, `${this.#name}-watch-node`), { force: true });
    await this.#systemctl("daemon-reload");
  }

  async #isInstalled(): Promise<boolean> {
    const units = await readdir(this.#systemd).catch(() => []);
    return units.some((unit) => unit.startsWith(`${this.#name}-`));
  }

  #path(kind: string): string {
    return join(this.#systemd, `${this.#name}-${kind}`);
  }

  async #systemctl(...args: string[]): Promise<void> {
    await this.#run(["systemctl", ...args], { timeoutMs: SYSTEMCTL_MS });
  }
}

async function writeIfDifferent(path: string, text: string, mode: number): Promise<boolean> {
  if ((await readFile(path, "utf8").catch(() => undefined)) === text) return false;
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.new`;
  await writeFile(beside, text, { mode, flush: true });
  await rename(beside, path);
  return true;
}
