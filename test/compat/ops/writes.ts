/** Calls of hook tools that change something, in a form in which equal calls are equal text, however their arguments are put. */
import { readFileSync } from "node:fs";

const writing = new Set([
  "relation-set",
  "status-set",
  "application-version-set",
  "open-port",
  "close-port",
  "action-set",
  "action-fail",
  "action-log",
  "secret-add",
  "secret-set",
  "secret-grant",
  "secret-revoke",
  "secret-remove",
  "storage-add",
  "juju-reboot",
]);

/** Reads and logs are free; asking for a secret's newest revision moves what is tracked, and is a write. */
export const isWrite = (argv: readonly string[]): boolean =>
  writing.has(argv[0] ?? "") || (argv[0] === "secret-get" && argv.includes("--refresh"));

const isFree = (word: string): boolean => word === "--" || word.startsWith("--format");

export function normalCall({ argv, stdin }: { argv: readonly string[]; stdin: string | undefined }): string {
  const words = withoutOwner(argv)
    .slice(1)
    .filter((word) => !isFree(word))
    .map(normalWord);
  const input = stdin === undefined ? "" : ` < ${JSON.stringify(sorted(JSON.parse(stdin)))}`;
  return `${argv[0]} ${words.toSorted().join(" ")}${input}`;
}

/** ops names an owner whenever it changes a secret; Juju looks at it only when one is made (`secret-set-owner`). */
const withoutOwner = (argv: readonly string[]): readonly string[] =>
  argv[0] === "secret-set" ? argv.filter((word, n) => word !== "--owner" && argv[n - 1] !== "--owner") : argv;

/** `db:3` and `3`, `True` and `true`, ids of secrets in each of their forms, a secret's content by file. */
function normalWord(word: string): string {
  const content = /^([a-z0-9-]+)#file=(.*)$/.exec(word);
  if (content) return `${content[1]}=${readFileSync(content[2] ?? "", "utf8")}`;
  return word
    .replace(/^secret:(?:\/\/[0-9a-f-]+\/)?/, "")
    .replace(/^[a-z]+:(\d+)$/, "$1")
    .replace(/^--application=(\w+)$/, (_, value: string) => `--application=${value.toLowerCase()}`)
    .replace(/^--relation$/, "-r");
}

const sorted = (value: unknown): unknown =>
  Object.fromEntries(Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : 1)));
