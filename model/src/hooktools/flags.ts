/** Command lines as Juju's hook tools read them: `-x`, `--x`, `--x value`, `--x=value`, flags and arguments mixed, `--`. */
import { own, put } from "../records.ts";
import { misuse } from "./tool.ts";

/** `boolean` needs `=` for a value; an alias names the flag that it stands for. */
export type FlagKind = "text" | "boolean" | { readonly alias: string };

export interface Parsed {
  readonly args: readonly string[];
  readonly text: (name: string) => string | undefined;
  readonly isSet: (name: string) => boolean;
}

const words: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...["1", "t", "T", "TRUE", "true", "True"].map((word) => [word, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((word) => [word, false] as const),
]);

/** @throws ToolFailure (exit 2) */
export function parseFlags(argv: readonly string[], kinds: Readonly<Record<string, FlagKind>>): Parsed {
  const texts: Record<string, string> = {};
  const booleans: Record<string, boolean> = {};
  const args: string[] = [];
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") {
      args.push(...rest);
      break;
    }
    if (!word.startsWith("-") || word === "-") args.push(word);
    else readFlag(word, rest, kinds, texts, booleans);
  }
  return { args, text: (name) => own(texts, name), isSet: (name) => own(booleans, name) ?? false };
}

function readFlag(
  word: string,
  rest: string[],
  kinds: Readonly<Record<string, FlagKind>>,
  texts: Record<string, string>,
  booleans: Record<string, boolean>,
): void {
  const [, name = "", value] = /^--?([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  const shown = name.length === 1 ? `-${name}` : `--${name}`;
  const kind = own(kinds, name);
  if (kind === undefined) throw misuse(`option provided but not defined: ${shown}`);
  const target = typeof kind === "object" ? kind.alias : name;
  if ((typeof kind === "object" ? own(kinds, kind.alias) : kind) === "boolean") {
    const set = value === undefined ? true : own(words, value);
    if (set === undefined) throw misuse(`invalid boolean value ${JSON.stringify(value)} for option ${shown}`);
    put(booleans, target, set);
    return;
  }
  const text = value ?? rest.shift();
  if (text === undefined) throw misuse(`option needs an argument: ${shown}`);
  put(texts, target, text);
}

/** `k=v` arguments in their order. @throws ToolFailure (exit 2) */
export function parsePairs(args: readonly string[]): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const arg of args) {
    const at = arg.indexOf("=");
    if (at < 1) throw misuse(`expected "key=value", got ${JSON.stringify(arg)}`);
    const key = arg.slice(0, at);
    if (Object.hasOwn(pairs, key)) throw misuse(`key ${JSON.stringify(key)} specified more than once`);
    put(pairs, key, arg.slice(at + 1));
  }
  return pairs;
}
