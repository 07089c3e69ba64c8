import type { Status } from "./tools/types.ts";

/** How a step ended. Waiting and blocked are values; what is thrown means "unexpected, try again". */
export type Outcome =
  | { readonly kind: "done" }
  | { readonly kind: "wait"; readonly for: string }
  | { readonly kind: "blocked"; readonly fix: string };

/** The step is met: the next one runs. */
export const done: Outcome = { kind: "done" };
/** Something else will move this on; nothing for the operator to do. */
export const wait = (what: string): Outcome => ({ kind: "wait", for: what });
/** Only the operator can move this on, by `fix`. */
export const blocked = (fix: string): Outcome => ({ kind: "blocked", fix });

/** One thing that must hold. `C` is what its steps work on, usually the charm. */
export interface Step<C> {
  /** Shown as the status while the step runs, if that takes long. */
  readonly name: string;
  /** A step that does not apply counts as met. */
  when?(context: C): boolean | Promise<boolean>;
  /** Looks whether it holds, makes it so if it can, and says how that went. Running it again is harmless. */
  run(context: C): Outcome | Promise<Outcome>;
}

/** Steps that need each other, in order. Tracks are independent of each other. */
export interface Track<C> {
  readonly name: string;
  readonly steps: readonly Step<C>[];
}

/** How far a track came. */
export interface TrackResult {
  readonly track: string;
  /** The first unmet step, if there is one. */
  readonly step: string | undefined;
  readonly outcome: Outcome;
}

/** How far all tracks came, and what to show for it. */
export interface ReconcileResult {
  /** Of the worst track; `active` with an empty message if all are done. */
  readonly status: Status;
  readonly tracks: readonly TrackResult[];
}

/** What happens while steps take long. */
export interface ReconcileOptions<C> {
  /** Called when a step has been running for `slowAfterMs`: the place to set a maintenance status with its name. */
  onStep?: (step: Step<C>, track: Track<C>) => void | Promise<void>;
  /** Milliseconds. Default: 500. */
  slowAfterMs?: number;
}

/**
 * Runs every track up to its first unmet step.
 * @throws what a step threw, after the other tracks ran; several as an AggregateError
 */
export async function reconcile<C>(
  tracks: readonly Track<C>[],
  context: C,
  options: ReconcileOptions<C> = {},
): Promise<ReconcileResult> {
  const results: TrackResult[] = [];
  const errors: unknown[] = [];
  for (const track of tracks) {
    try {
      results.push(await runTrack(track, context, options));
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join("; "));
  return { status: worst(results), tracks: results };
}

async function runTrack<C>(track: Track<C>, context: C, options: ReconcileOptions<C>): Promise<TrackResult> {
  for (const step of track.steps) {
    if (step.when && !(await step.when(context))) continue;
    const outcome = await runStep(step, track, context, options);
    if (outcome.kind !== "done") return { track: track.name, step: step.name, outcome };
  }
  return { track: track.name, step: undefined, outcome: done };
}

async function runStep<C>(
  step: Step<C>,
  track: Track<C>,
  context: C,
  { onStep, slowAfterMs = 500 }: ReconcileOptions<C>,
): Promise<Outcome> {
  if (onStep === undefined) return step.run(context);
  let telling: Promise<void> | undefined;
  const timer = setTimeout(() => {
    telling = Promise.resolve(onStep(step, track));
  }, slowAfterMs);
  try {
    return await step.run(context);
  } finally {
    clearTimeout(timer);
    await telling;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const severity = { done: 0, wait: 1, blocked: 2 } as const;

/** Of equally bad tracks the first one speaks. */
function worst(results: readonly TrackResult[]): Status {
  const [first] = results.toSorted((a, b) => severity[b.outcome.kind] - severity[a.outcome.kind]);
  return statusOf(first?.outcome ?? done);
}

function statusOf(outcome: Outcome): Status {
  switch (outcome.kind) {
    case "done":
      return { status: "active", message: "" };
    case "wait":
      return { status: "waiting", message: outcome.for };
    case "blocked":
      return { status: "blocked", message: outcome.fix };
    default:
      return outcome satisfies never;
  }
}
