/** Where in a YAML text a key is. Made only when an error has to be told: parsing proper keeps no positions. */
import { type Event, EVENT_ID, getScalarValue, parseEvents } from "js-yaml";
import { MetadataError } from "./errors.ts";

/**
 * What `read` makes of a file with this text; problems that it throws get their lines. Of several YAML documents,
 * `document` says which one it reads, counted from 0.
 * @throws MetadataError
 */
export function located<Value>(text: string, read: () => Value, document = 0): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error;
    throw withLines(error, text, document);
  }
}

function withLines(error: MetadataError, text: string, document: number): MetadataError {
  if (error.problems.every(({ line, path, key }) => line !== undefined || (path ?? key) === undefined))
    return error;
  const lineOf = linesOf(text, document);
  const problems = error.problems.map((problem) => {
    const path = problem.path ?? problem.key?.split(".");
    const line = problem.line ?? (path && lineOf(path));
    return line === undefined ? problem : { ...problem, line };
  });
  const sorted = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return new MetadataError(error.file, sorted, { cause: error.cause });
}

interface Frame {
  readonly path: string;
  readonly isMap: boolean;
  /** Of a map: the key whose value comes next. */
  key: string | undefined;
  index: number;
}

const joined = (path: readonly string[]): string => path.map((part) => JSON.stringify(part)).join("/");

/** The line of the deepest part of a path that the text has; what came by an alias or a merge is at its owner. */
function linesOf(text: string, document: number): (path: readonly string[]) => number | undefined {
  const offsets = offsetsOf(text, document);
  const ends = [...text.matchAll(/\n/g)].map(({ index }) => index);
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const offset = offsets.get(joined(path.slice(0, length)));
      if (offset !== undefined) return countBelow(ends, offset) + 1;
    }
    return undefined;
  };
}

/** How many of these ascending numbers are below `bound`. */
function countBelow(ascending: readonly number[], bound: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

function offsetsOf(text: string, document: number): Map<string, number> {
  const offsets = new Map<string, number>();
  const stack: Frame[] = [];
  let documents = -1;
  for (const event of parseEvents(text, {})) {
    if (event.type === EVENT_ID.DOCUMENT) documents += 1;
    if (documents > document) break;
    if (documents === document) step(event, { text, stack, offsets });
  }
  return offsets;
}

interface Walk {
  readonly text: string;
  readonly stack: Frame[];
  readonly offsets: Map<string, number>;
}

function step(event: Event, { text, stack, offsets }: Walk): void {
  if (event.type === EVENT_ID.POP) return void stack.pop();
  const frame = stack.at(-1);
  const isCollection = event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE;
  const isKey = frame !== undefined && frame.isMap && frame.key === undefined;
  let path = frame?.path ?? "";
  if (isKey) frame.key = event.type === EVENT_ID.SCALAR ? getScalarValue(text, event) : "";
  else if (frame !== undefined && stack.length > 1) {
    path = child(path, frame.isMap ? (frame.key ?? "") : String(frame.index++));
    frame.key = undefined;
  }
  const offset = offsetOf(event);
  const own = isKey ? child(path, frame.key ?? "") : path;
  if (offset >= 0 && own !== "" && !offsets.has(own)) offsets.set(own, offset);
  if (isCollection || event.type === EVENT_ID.DOCUMENT)
    stack.push({ path: own, isMap: event.type === EVENT_ID.MAPPING, key: undefined, index: 0 });
}

const child = (path: string, part: string): string =>
  path === "" ? JSON.stringify(part) : `${path}/${JSON.stringify(part)}`;

function offsetOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart;
  if (event.type === EVENT_ID.ALIAS) return event.anchorStart;
  return event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE ? event.start : -1;
}
