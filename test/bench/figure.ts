/** One measured value beside what it is held against. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** measured in the same run */
  readonly yardstick?: { readonly name: string; readonly value: number };
  /** value / yardstick */
  readonly ratio?: number;
  /** in words, for the table: `≤ 3.0` */
  readonly goal?: string;
  readonly ok?: boolean;
}

export type Benchmark = (say: (line: string) => void) => Promise<readonly Figure[]>;

export function against(
  name: string,
  value: number,
  unit: string,
  yardstick: { name: string; value: number },
  most?: number,
): Figure {
  const ratio = value / yardstick.value;
  return {
    name,
    value,
    unit,
    yardstick,
    ratio,
    ...(most === undefined ? {} : { goal: `≤ ${most.toFixed(most < 1 ? 2 : 1)}`, ok: ratio <= most }),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
