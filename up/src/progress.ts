/**
 * What `cantrip up` shows while it works: phases with their time, and the units as a tree with their present step. On a
 * terminal it is one block that is drawn again; elsewhere each change is one plain line.
 */
import { createLogUpdate } from "log-update";

export interface UnitLine {
  /** `k8s/0` */
  readonly unit: string;
  readonly application: string;
  /** `active`, `maintenance`, … as `cantrip status` shows it */
  readonly state: string;
  /** what it does at present, in one line */
  readonly step: string;
  /** since when, milliseconds since the epoch */
  readonly since: number;
}

export interface Phase {
  readonly title: string;
  readonly startedAt: number;
  endedAt?: number;
  failed?: boolean;
  note: string;
}

export interface Snapshot {
  readonly phases: readonly Phase[];
  readonly units: readonly UnitLine[];
}

export interface PhaseTime {
  readonly name: string;
  readonly ms: number;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const fit = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;

/** Pure: the block for a terminal of the given width. */
export function renderBlock({ phases, units }: Snapshot, now: number, width: number, frame = "•"): string {
  const lines = phases.map((phase) => {
    const mark = phase.failed ? "✗" : phase.endedAt ? "✓" : frame;
    const time = seconds((phase.endedAt ?? now) - phase.startedAt).padStart(8);
    return fit(`${mark} ${phase.title.padEnd(16)}${time}  ${phase.note}`, width);
  });
  const names = Math.max(12, ...units.map(({ unit }) => unit.length)) + 2;
  const applications = [...new Set(units.map(({ application }) => application))];
  for (const application of applications) {
    lines.push(`  ${application}`);
    const own = units.filter((one) => one.application === application);
    own.forEach((one, i) => {
      const branch = i === own.length - 1 ? "└─" : "├─";
      const time = one.state === "active" ? "" : `  ${seconds(now - one.since)}`;
      lines.push(
        fit(`  ${branch} ${one.unit.padEnd(names)}${one.state.padEnd(13)}${one.step}${time}`, width),
      );
    });
  }
  return lines.join("\n");
}

/** Pure: the lines that tell what changed between two snapshots. */
export function changedLines(before: readonly UnitLine[], after: readonly UnitLine[]): string[] {
  const known = new Map(before.map((line) => [line.unit, line]));
  const gone = before
    .filter(({ unit }) => !after.some((line) => line.unit === unit))
    .map(({ unit }) => `${unit}: gone`);
  const changed = after.filter(
    (line) => known.get(line.unit)?.state !== line.state || known.get(line.unit)?.step !== line.step,
  );
  return [...changed.map(({ unit, state, step }) => `${unit}: ${state}${step ? `: ${step}` : ""}`), ...gone];
}

export class Progress {
  readonly #phases: Phase[] = [];
  #units: readonly UnitLine[] = [];
  readonly #stream: NodeJS.WriteStream;
  readonly #draw: ReturnType<typeof createLogUpdate> | undefined;
  readonly #quiet: boolean;
  readonly #began = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;

  constructor({
    stream = process.stderr,
    quiet = false,
  }: { stream?: NodeJS.WriteStream; quiet?: boolean } = {}) {
    this.#stream = stream;
    this.#quiet = quiet;
    this.#draw = !quiet && stream.isTTY ? createLogUpdate(stream) : undefined;
  }

  /** Runs one phase. Its title stays, with the time that it took and its last note. */
  async phase<T>(title: string, work: (note: (text: string) => void) => Promise<T>): Promise<T> {
    const phase: Phase = { title, startedAt: Date.now(), note: "" };
    this.#phases.push(phase);
    this.#say(`${title} …`);
    this.#animate();
    try {
      return await work((text) => this.#note(phase, text));
    } catch (error) {
      phase.failed = true;
      throw error;
    } finally {
      phase.endedAt = Date.now();
      this.#say(
        `${title}: ${phase.failed ? "failed" : "done"} in ${seconds(phase.endedAt - phase.startedAt)}`,
      );
      this.#redraw();
    }
  }

  /** A line that stays: what was changed, what was installed. */
  tell(line: string): void {
    if (this.#draw) {
      this.#draw.clear();
      this.#stream.write(`${line}\n`);
      this.#redraw();
    } else this.#say(line);
  }

  units(lines: readonly UnitLine[]): void {
    for (const line of changedLines(this.#units, lines)) this.#say(line);
    this.#units = lines;
    this.#redraw();
  }

  times(): PhaseTime[] {
    return this.#phases.map(({ title, startedAt, endedAt }) => ({
      name: title,
      ms: (endedAt ?? Date.now()) - startedAt,
    }));
  }

  elapsedMs(): number {
    return Date.now() - this.#began;
  }

  /** Leaves what is on the terminal and stops drawing. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#redraw();
    this.#draw?.done();
  }

  #note(phase: Phase, text: string): void {
    if (phase.note === text) return;
    phase.note = text;
    this.#say(`${phase.title}: ${text}`);
    this.#redraw();
  }

  #say(line: string): void {
    if (this.#draw || this.#quiet) return;
    this.#stream.write(`[${seconds(Date.now() - this.#began).padStart(7)}] ${line}\n`);
  }

  #animate(): void {
    if (!this.#draw || this.#timer) return;
    this.#timer = setInterval(() => {
      this.#frame += 1;
      this.#redraw();
    }, 100).unref();
  }

  #redraw(): void {
    const frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
    this.#draw?.(
      renderBlock(
        { phases: this.#phases, units: this.#units },
        Date.now(),
        this.#stream.columns ?? 80,
        frames[this.#frame % frames.length],
      ),
    );
  }
}
