/** What somebody may have meant: the name at the smallest edit distance, if that is small for the length. */
export function nearMiss(given: string, names: Iterable<string>): string | undefined {
  const bound = Math.max(1, Math.floor(given.length / 3));
  let best: { name: string; distance: number } | undefined;
  if (given.length > longest) return undefined;
  for (const name of names) {
    if (name.length > longest) continue;
    const distance = Math.min(
      editDistance(plain(given), plain(name)),
      isShortFor(given, name) ? bound : Infinity,
    );
    if (distance <= bound && distance < (best?.distance ?? Infinity)) best = { name, distance };
  }
  return best?.name;
}

/** No name that we know is longer; comparing longer ones is wasted time. */
const longest = 64;

/** `minimum_size` and `Minimum-Size` are the same slip. */
const plain = (name: string): string => name.toLowerCase().replaceAll("_", "-");

/** `integer` for `int`, `bool` for `boolean`. */
function isShortFor(given: string, name: string): boolean {
  const [short = "", long = ""] = [plain(given), plain(name)].toSorted((a, b) => a.length - b.length);
  return short.length >= 3 && long.startsWith(short);
}

/** Insertions, removals, replacements and swaps of neighbours that turn `from` into `to`. */
function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const next = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const isSwap =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      next[column] = Math.min(
        at(last, column) + 1,
        at(next, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
        isSwap ? at(before, column - 2) + 1 : Infinity,
      );
    }
    before = last;
    last = next;
  }
  return at(last, to.length);
}

const at = (row: readonly number[], column: number): number => row[column] ?? Infinity;
