/** Tables in juju's plain style: two spaces between columns, no lines, no blanks at the ends. */
import Table from "cli-table3";

export type Cell = string | number | undefined;

const noLines = Object.fromEntries(
  "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid"
    .split(" ")
    .map((name) => [name, ""]),
);

/** `right` names the columns that are aligned to the right. The result ends in a line break. */
export function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  { right = [] }: { right?: readonly string[] } = {},
): string {
  const drawn = new Table({
    chars: { ...noLines, middle: "  " },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
    colAligns: head.map((column) => (right.includes(column) ? "right" : "left")),
  });
  drawn.push([...head], ...rows.map((row) => head.map((_, index) => oneLine(row[index]))));
  return `${drawn
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")}\n`;
}

/** A message of many lines would tear the table. */
const oneLine = (cell: Cell): string => String(cell ?? "").replaceAll(/\s*[\r\n]+\s*/g, " ");
