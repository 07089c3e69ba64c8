/**
 * The language of `wait-for --query` (juju.md 6.7): literals, comparisons, `&& || !`, parentheses, dotted names, and the
 * functions len, print, startsWith, endsWith and forEach(list, v => expression).
 */
import { UsageError } from "../errors.ts";

export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };
export type Scope = { readonly [name: string]: Value };
export type Query = (scope: Scope) => Value;

interface Token {
  readonly kind: "word" | "text" | "number" | "sign" | "end";
  readonly text: string;
}

const lexeme =
  /\s*(?:(?<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<number>-?\d+(?:\.\d+)?)|(?<word>[A-Za-z_][A-Za-z0-9_-]*)|(?<sign>=>|==|!=|<=|>=|&&|\|\||[<>!().,]))/y;

/** @throws UsageError naming the place */
export function parseQuery(source: string): Query {
  const parser = new Parser(tokens(source), source);
  return parser.whole();
}

function tokens(source: string): Token[] {
  const found: Token[] = [];
  lexeme.lastIndex = 0;
  while (source.slice(lexeme.lastIndex).trim() !== "") {
    const at = lexeme.lastIndex;
    const groups = lexeme.exec(source)?.groups;
    if (!groups)
      throw new UsageError(
        `cannot parse query ${JSON.stringify(source)}: unexpected ${JSON.stringify(source.slice(at).trim().slice(0, 10))} at ${at}`,
      );
    const [kind, text] = Object.entries(groups).find(([, value]) => value !== undefined) as [
      Token["kind"],
      string,
    ];
    found.push({ kind, text });
  }
  return [...found, { kind: "end", text: "" }];
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #source: string;
  #at = 0;

  constructor(all: readonly Token[], source: string) {
    this.#tokens = all;
    this.#source = source;
  }

  whole(): Query {
    const query = this.#or();
    if (this.#peek().kind !== "end") this.#refuse();
    return query;
  }

  #or(): Query {
    let left = this.#and();
    while (this.#take("||")) left = either(left, this.#and());
    return left;
  }

  #and(): Query {
    let left = this.#comparison();
    while (this.#take("&&")) left = both(left, this.#comparison());
    return left;
  }

  #comparison(): Query {
    const left = this.#unary();
    const sign = ["==", "!=", "<=", ">=", "<", ">"].find((text) => this.#take(text));
    if (sign === undefined) return left;
    const right = this.#unary();
    return (scope) => compared(sign, left(scope), right(scope));
  }

  #unary(): Query {
    if (!this.#take("!")) return this.#primary();
    const inner = this.#unary();
    return (scope) => !isTrue(inner(scope));
  }

  #primary(): Query {
    const { kind, text } = this.#next();
    if (kind === "text")
      return constant(
        JSON.parse(
          text.startsWith("'") ? `"${text.slice(1, -1).replaceAll('"', String.raw`\"`)}"` : text,
        ) as string,
      );
    if (kind === "number") return constant(Number(text));
    if (text === "(" && kind === "sign") {
      const inner = this.#or();
      this.#expect(")");
      return inner;
    }
    if (kind !== "word") this.#refuse();
    if (text === "true" || text === "false") return constant(text === "true");
    return this.#take("(") ? this.#call(text) : this.#path([text]);
  }

  #path(names: string[]): Query {
    while (this.#take(".")) names.push(this.#next().text);
    return (scope) => resolve(scope, names);
  }

  #call(name: string): Query {
    const args: Query[] = [this.#or()];
    if (name === "forEach") return this.#forEach(args[0] as Query);
    while (this.#take(",")) args.push(this.#or());
    this.#expect(")");
    const act = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (!act)
      throw new UsageError(`cannot parse query ${JSON.stringify(this.#source)}: unknown function "${name}"`);
    return (scope) => act(args.map((arg) => arg(scope)));
  }

  #forEach(list: Query): Query {
    this.#expect(",");
    const variable = this.#next().text;
    this.#expect("=>");
    const body = this.#or();
    this.#expect(")");
    return (scope) =>
      elements(list(scope)).every((element) => isTrue(body({ ...scope, [variable]: element })));
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "" };
  }
  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }
  #take(sign: string): boolean {
    const { kind, text } = this.#peek();
    if (kind !== "sign" || text !== sign) return false;
    this.#at += 1;
    return true;
  }
  #expect(sign: string): void {
    if (!this.#take(sign)) this.#refuse(sign);
  }
  #refuse(expected?: string): never {
    const { text } = this.#peek();
    const hint = expected === undefined ? "" : `, expected "${expected}"`;
    throw new UsageError(
      `cannot parse query ${JSON.stringify(this.#source)}: unexpected ${JSON.stringify(text || "end")}${hint}`,
    );
  }
}

const constant =
  (value: Value): Query =>
  () =>
    value;
const both =
  (a: Query, b: Query): Query =>
  (scope) =>
    isTrue(a(scope)) && isTrue(b(scope));
const either =
  (a: Query, b: Query): Query =>
  (scope) =>
    isTrue(a(scope)) || isTrue(b(scope));

export const isTrue = (value: Value): boolean =>
  value !== false && value !== null && value !== "" && value !== 0;

function compared(sign: string, a: Value, b: Value): boolean {
  if (sign === "==") return a === b;
  if (sign === "!=") return a !== b;
  if (typeof a !== typeof b || (typeof a !== "number" && typeof a !== "string")) return false;
  const [left, right] = [a, b as typeof a];
  if (sign === "<") return left < right;
  if (sign === ">") return left > right;
  return sign === "<=" ? left <= right : left >= right;
}

function resolve(scope: Scope, names: readonly string[]): Value {
  let value: Value = scope;
  for (const name of names) {
    const isKnown = typeof value === "object" && value !== null && Object.hasOwn(value, name);
    if (!isKnown)
      throw new UsageError(
        `query name "${names.join(".")}" not found: expected one of ${Object.keys(scope).join(", ")}`,
      );
    value = (value as Scope)[name] ?? null;
  }
  return value;
}

function elements(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value as readonly Value[];
  return typeof value === "object" && value !== null ? Object.values(value) : [];
}

const asText = (value: Value | undefined): string => (typeof value === "string" ? value : "");

const functions: Record<string, (args: readonly Value[]) => Value> = {
  len: ([value = null]) => (typeof value === "string" ? value.length : elements(value).length),
  print: ([value = null]) => value,
  startsWith: ([text, prefix]) => asText(text).startsWith(asText(prefix)),
  endsWith: ([text, suffix]) => asText(text).endsWith(asText(suffix)),
};
