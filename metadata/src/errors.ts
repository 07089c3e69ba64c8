/** One thing that is wrong in a file. */
export interface Problem {
  /** The dotted path to the culprit, where there is one. */
  readonly key?: string | undefined;
  /** What was expected, in Juju's words where Juju has some. */
  readonly reason: string;
  /** Counted from 1; absent where the text is not at hand. */
  readonly line?: number | undefined;
  /** `key` in parts: names may hold dots. */
  readonly path?: readonly string[] | undefined;
}

interface Details {
  readonly key?: string | undefined;
  readonly path?: readonly string[] | undefined;
  readonly line?: number | undefined;
  readonly cause?: unknown;
}

/** A file that cannot be used as what it claims to be, with all that was found wrong in it. */
export class MetadataError extends Error {
  override readonly name = "MetadataError";
  readonly file: string;
  /** All of them, at least one. */
  readonly problems: readonly Problem[];
  /** The dotted path to the culprit, where there is one and only one. */
  readonly key: string | undefined;
  /** The line of the only problem, where it is known. */
  readonly line: number | undefined;
  /** The bare reason; of several problems, the list of them. */
  readonly reason: string;

  constructor(file: string, what: string | readonly Problem[], details: Details = {}) {
    const { cause, ...place } = details;
    const problems = typeof what === "string" ? [{ reason: what, ...place }] : what;
    super(messageOf(file, problems), cause === undefined ? {} : { cause });
    const only = problems.length === 1 ? problems[0] : undefined;
    this.file = file;
    this.problems = problems;
    this.key = only?.key;
    this.line = only?.line;
    this.reason = only?.reason ?? listOf(problems);
  }
}

const shownProblems = 20;

function messageOf(file: string, problems: readonly Problem[]): string {
  const [only] = problems;
  if (only === undefined || problems.length > 1) return `${file}: ${listOf(problems)}`;
  return `${file}${only.line === undefined ? "" : `:${only.line}`}: ${keyAndReason(only)}`;
}

function listOf(problems: readonly Problem[]): string {
  const lines = problems.slice(0, shownProblems).map((problem) => {
    const at = problem.line === undefined ? "" : `line ${problem.line}: `;
    return `\n  ${at}${keyAndReason(problem)}`;
  });
  const left = problems.length - lines.length;
  return `${problems.length} problems:${lines.join("")}${left > 0 ? `\n  and ${left} more` : ""}`;
}

const keyAndReason = ({ key, reason }: Problem): string => `${key ? `${key}: ` : ""}${reason}`;

/** Gathers the problems of independent parts of one file, so that they are told together. */
export class Findings {
  readonly #file: string;
  readonly #problems: Problem[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** The result of `check`; what it finds wrong is kept, and the result is undefined. */
  of<Value>(check: () => Value): Value | undefined {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      for (const problem of error.problems) this.#problems.push(problem);
      return undefined;
    }
  }

  /** `check` of every entry, without those that it found wrong. */
  each<Entry, Value>(entries: readonly Entry[], check: (entry: Entry) => Value): Value[] {
    return entries.flatMap((entry) => {
      const found = this.of(() => [check(entry)]);
      return found ?? [];
    });
  }

  /** @throws MetadataError with all that was found, if anything was */
  settle(): void {
    if (this.#problems.length > 0) throw new MetadataError(this.#file, this.#problems);
  }
}
