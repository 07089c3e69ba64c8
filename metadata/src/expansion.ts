/** What aliases make of a small YAML text: values that are cheap to hold, and endless to walk or write. */
import { MetadataError } from "./errors.ts";

/** What aliases may add to a file, in characters and nodes. No file that we read comes near it. */
const allowance = 100_000;
const deepest = 200;

interface Extent {
  readonly weight: number;
  readonly depth: number;
}

/**
 * Refuses a value that, with its aliases written out, is out of all proportion to its text, too deep, or inside itself.
 * Takes time in proportion to the text, as shared parts are measured once.
 * @throws MetadataError
 */
export function refuseExpansion(file: string, text: string, value: unknown): void {
  const known = new Map<object, Extent | "open">();
  const measure = (node: unknown, above: number): Extent => {
    if (typeof node === "string") return { weight: 1 + node.length, depth: 0 };
    if (typeof node !== "object" || node === null) return { weight: 1, depth: 0 };
    if (above > deepest) throw tooDeep(file);
    const before = known.get(node);
    if (before === "open") throw new MetadataError(file, "an alias stands for something that it is part of");
    return before ?? measured(node, above);
  };
  const measured = (node: object, above: number): Extent => {
    known.set(node, "open");
    let [weight, depth] = [1, 0];
    for (const [key, inner] of Object.entries(node)) {
      const extent = measure(inner, above + 1);
      weight += extent.weight + (Array.isArray(node) ? 0 : key.length);
      depth = Math.max(depth, extent.depth + 1);
    }
    known.set(node, { weight, depth });
    return { weight, depth };
  };
  const { weight, depth } = measure(value, 0);
  if (depth > deepest) throw tooDeep(file);
  if (weight > 2 * text.length + allowance)
    throw new MetadataError(file, "aliases blow it up far beyond its size: write less with them");
}

const tooDeep = (file: string): MetadataError =>
  new MetadataError(file, `nested deeper than ${deepest} levels`);
