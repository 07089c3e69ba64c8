/**
 * Takes out of a text what looks like a secret: by its own form, or by the name that stands before it. Logs are full of
 * sentences about tokens and secrets; those stay. Pure. Start at withoutSecretLooks.
 */
export const REMOVED = "[removed]";

const FORMS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  // Join tokens (base64 of a JSON object) and signed tokens of service accounts.
  /\beyJ[A-Za-z0-9_-]{16,}(?:[.][A-Za-z0-9_-]+)*={0,2}/g,
  /\b(?:token|worker)::[0-9a-f]{8,}/g,
  /(?<=\bauthorization\\*["']?[ \t]*[:=][ \t]*\[?\\*["']?(?:basic|bearer|negotiate|token)[ \t]+)[^\s"'\\\],]+/gi,
  /(?<=\bauthorization\\*["']?[ \t]*[:=][ \t]*\[?\\*["']?(?:digest|aws4-hmac-sha256)[ \t]+).+/gi,
  /(?<=:\/\/[^\s/:@]{1,64}:)[^\s/@]{1,128}(?=@)/g,
];
const BEARER = /(?<=\bbearer[ \t]+)\S{8,}/gi;

export function withoutSecretLooks(text: string): string {
  const formless = FORMS.reduce((rest, form) => rest.replace(form, REMOVED), text).replace(BEARER, (word) =>
    looksRandom(word) ? REMOVED : word,
  );
  const rest = withoutEnvironments(formless);
  return [ENTRY, FLAG, PAIR].reduce(withoutValues, rest);
}

const PASSWORD = /(?:pass(?:word|wd|phrase|code)|[_-](?:pass|pwd))(?:[_-]?\d+)?$/i;
const SECRET =
  /(?:^auth|secret|token|(?:access|account|api|encryption|master|private|secret|shared|signing)[_-]?key(?:[_-]?base)?|client-key-data)(?:[_-]?\d+)?$/i;
/** Names of Secrets, of clusters, and what everyone may know. */
const NO_SECRET = /(?:tls|pull)[_-]?secret$|cluster-token$|public[_-]?key$/i;
const ENVIRONMENT = /^[A-Z][A-Z0-9_]*$/;

const isSecretName = (name: string): boolean =>
  PASSWORD.test(name) ||
  (!NO_SECRET.test(name) &&
    (SECRET.test(name) || (ENVIRONMENT.test(name) && /_(?:KEY|AUTH|CREDENTIALS?)\d*$/.test(name))));

/** A word of small letters alone may be one of a sentence. */
const looksRandom = (word: string) => word.length >= 8 && /\d|[a-z][A-Z]|[+/=_~]./.test(word);

/** What stands there instead of a secret. */
const isHarmless = (value: string) =>
  /^(?:true|false|null|nil|none)?$|^<(?:set to|none|nil|unset|not set|redacted|masked|hidden)\b/i.test(
    value,
  ) || value.startsWith(REMOVED);

// Each of these ends where a value begins. `[\w.-]*?` begins at a border only: text of one long word stays cheap.
const LAST = String.raw`(?:pass\w*|pwd|secret|token|key(?:[_-]?(?:base|data))?|auth|credentials?)(?:[_-]?\d+)?`;
/** `name: value`, `"name":"value"`, `name = value`, `\"name\":\"value\"`. */
const PAIR = new RegExp(
  String.raw`(?<![\w.-])(?<name>[\w.-]*?${LAST})(?<quote>\\*["'])?[ \t]*(?<sign>=(?!=)|:(?![:=]))[ \t]*`,
  "gi",
);
/** An item of a list of names and values, as in a pod's manifest. */
const ENTRY =
  /(?<![\w-])name\\*["']?:[ \t]*\\*["']?(?<name>[\w.-]+)\\*["']?,?\s*\\*["']?(?<entry>value)\\*["']?:[ \t]*/g;
const FLAG = /(?<!\S)--(?<name>[\w-]+)[ \t]+(?!-)/g;

/** How a name and its value stand in the text. */
interface Place {
  readonly name: string;
  readonly isAssigned: boolean;
  readonly isAtLineStart: boolean;
  /** Not within a sentence. */
  readonly isStructured: boolean;
  readonly isEntry: boolean;
  readonly isParameter: boolean;
}

function placeOf(text: string, match: RegExpExecArray): Place {
  const { name = "", quote, sign, entry } = match.groups ?? {};
  const before = text.slice(Math.max(0, match.index - 80), match.index);
  const after = match.index + match[0].length;
  const isAtLineStart = /(?:^|\n)[ \t]*(?:- )?$/.test(before);
  // More words are a sentence: "token: expired at noon".
  const isLast = /^\S+[ \t]*(?:\n|$)/.test(text.slice(after, after + 512));
  const isCompound = !/^(?:secret|token|auth)$/i.test(name) || ENVIRONMENT.test(name);
  return {
    name,
    isAssigned: sign === "=",
    isAtLineStart,
    isStructured:
      sign === "=" ||
      [quote, entry].some((one) => one !== undefined) ||
      (sign === ":" && (isCompound || (isAtLineStart && isLast) || /[{,[(]\s*$/.test(before))),
    isEntry: entry !== undefined,
    isParameter: /[?&]$/.test(before),
  };
}

function withoutValues(text: string, pattern: RegExp): string {
  let done = "";
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index < at || !isSecretName(match.groups?.["name"] ?? "")) continue;
    const place = placeOf(text, match);
    const [begin, end] = valueAt(text, match.index + match[0].length, place);
    if (!isSecretValue(text.slice(begin, end), place)) continue;
    done += text.slice(at, begin) + REMOVED;
    at = end;
  }
  return done + text.slice(at);
}

function isSecretValue(value: string, { name, isStructured }: Place): boolean {
  if (isHarmless(value)) return false;
  return isStructured || PASSWORD.test(name) || looksRandom(value);
}

/** Begin and end of the value that begins here, without its quotes; empty where a structure begins. */
function valueAt(text: string, from: number, place: Place): [number, number] {
  const lineEnd = indexOr(text, "\n", from, text.length);
  const escaped = /^\\+["']/.exec(text.slice(from, from + 16))?.[0];
  if (escaped) return [from + escaped.length, indexOr(text, escaped, from + escaped.length, lineEnd)];
  const quote = text[from];
  if (quote === '"' || quote === "'") return [from + 1, closingQuote(text, from + 1, lineEnd)];
  return [from, from + bareLength(text.slice(from, lineEnd), place)];
}

function indexOr(text: string, part: string, from: number, otherwise: number): number {
  const found = text.indexOf(part, from);
  return found === -1 ? otherwise : Math.min(found, otherwise);
}

function closingQuote(text: string, from: number, lineEnd: number): number {
  const quote = text[from - 1];
  for (let at = from; at < lineEnd; at += text[at] === "\\" ? 2 : 1) if (text[at] === quote) return at;
  return lineEnd;
}

function bareLength(line: string, place: Place): number {
  const isEnvironment = ENVIRONMENT.test(place.name);
  if (!isEnvironment && /^[{[|>]/.test(line)) return 0;
  const isWholeLine =
    place.isEntry ||
    (place.isAtLineStart && !place.isAssigned && (isEnvironment || PASSWORD.test(place.name)));
  if (isWholeLine) return line.trimEnd().length;
  const word = (isEnvironment ? /^\S*/ : place.isParameter ? /^[^\s"'&]*/ : /^[^\s"']*/).exec(line)![0];
  return word.replace(/\\$|[,;)}\]]+$/, "").length;
}

/**
 * Blocks `Environment:` of described pods. A value goes on in further lines where it has several; lines of the block are
 * indented more than its title, and those of one value more than the names.
 */
function withoutEnvironments(text: string): string {
  if (!text.includes("Environment:")) return text;
  let block: { readonly title: number; names?: number; isSecret: boolean } | undefined;
  const lines = text.split("\n").map((line) => {
    const indent = line.length - line.trimStart().length;
    if (/^[ \t]*Environment:[ \t]*$/.test(line)) {
      block = { title: indent, isSecret: false };
      return line;
    }
    if (!block || line.trim() === "") return line;
    if (indent <= block.title) {
      block = undefined;
      return line;
    }
    block.names ??= indent;
    if (indent > block.names) return block.isSecret ? line.slice(0, indent) + REMOVED : line;
    const [, head = "", name = "", value = ""] = /^([ \t]*([^\s:]+):[ \t]*)(.*)$/.exec(line) ?? [];
    block.isSecret = isSecretName(name) && !isHarmless(value);
    return block.isSecret ? head + REMOVED : line;
  });
  return lines.join("\n");
}
