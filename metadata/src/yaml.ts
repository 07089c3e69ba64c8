/**
 * YAML as Juju reads it: YAML 1.2 core plus `yes/no/on/off` and merge keys. The only module of this house that loads a
 * YAML library; hooks of packed charms never get here, as packing compiles these files to JSON.
 */
import {
  CORE_SCHEMA,
  DUMP_SCHEMA,
  NOT_RESOLVED,
  YAMLException,
  defineScalarTag,
  dump,
  floatCoreTag,
  load,
  loadAll,
  mergeTag,
} from "js-yaml";
import { MetadataError } from "./errors.ts";
import { refuseExpansion } from "./expansion.ts";

/** No file that we read is near this size; what is, is an attack or a mistake. */
const largestFile = 4 * 1024 * 1024;

/** A number that was written as a float (`1.0`), where the difference from `1` counts. */
export class YamlFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  /** As YAML tells it from a whole number. */
  toString(): string {
    return floatCoreTag.represent(this.value).replace(/^-?\d+$/, "$&.0");
  }
}

const words = new Map([
  ["yes", true],
  ["on", true],
  ["no", false],
  ["off", false],
]);

const booleanWords = defineScalarTag<boolean>("tag:yaml.org,2002:bool", {
  implicit: true,
  implicitFirstChars: "tTfFyYnNoO".split(""),
  resolve: (source) => {
    const lower = source.toLowerCase();
    if (![lower, lower.toUpperCase(), (lower[0] ?? "").toUpperCase() + lower.slice(1)].includes(source))
      return NOT_RESOLVED;
    if (lower === "true" || lower === "false") return lower === "true";
    return words.get(lower) ?? NOT_RESOLVED;
  },
  identify: (value) => typeof value === "boolean",
});

const markedFloat = defineScalarTag<YamlFloat>("tag:yaml.org,2002:float", {
  implicit: true,
  implicitFirstChars: floatCoreTag.implicitFirstChars,
  resolve: (source, isExplicit, tagName) => {
    const value = floatCoreTag.resolve(source, isExplicit, tagName);
    return typeof value === "number" ? new YamlFloat(value) : NOT_RESOLVED;
  },
  identify: (value) => value instanceof YamlFloat || floatCoreTag.identify(value),
  represent: (value) => (value instanceof YamlFloat ? value.toString() : floatCoreTag.represent(value)),
});

const jujuSchema = CORE_SCHEMA.withTags(booleanWords, mergeTag);
const floatSchema = jujuSchema.withTags(markedFloat);

/**
 * The value of one YAML document; an empty document is `null`. With `markFloats`, floats come as `YamlFloat`.
 * @throws MetadataError naming `file` and the place
 */
export function readYaml(file: string, text: string, { markFloats = false } = {}): unknown {
  if (text.length > largestFile) throw tooLarge(file);
  if (text.includes("\uFFFD")) throw notUtf8(file, text.split("\uFFFD")[0]);
  const body = text.replace(/^\uFEFF/, "");
  if (body.split("\n").every(saysNothing)) return null;
  const value = loaded(file, body, markFloats);
  refuseExpansion(file, body, value);
  return value;
}

/**
 * The values of all YAML documents of a text, at least one: a text that says nothing is one that is `null`.
 * @throws MetadataError naming `file` and the place
 */
export function readYamlDocuments(file: string, text: string): readonly [unknown, ...unknown[]] {
  if (text.length > largestFile) throw tooLarge(file);
  if (text.includes("\uFFFD")) throw notUtf8(file, text.split("\uFFFD")[0]);
  const body = text.replace(/^\uFEFF/, "");
  const values = inYaml(file, () => loadAll(body, { schema: jujuSchema }));
  refuseExpansion(file, body, values);
  const [first = null, ...others] = values;
  return [first, ...others];
}

function loaded(file: string, body: string, markFloats: boolean): unknown {
  return inYaml(file, () => load(body, { schema: markFloats ? floatSchema : jujuSchema }));
}

function inYaml<Value>(file: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    const why = error instanceof YAMLException ? whereAndWhy(error) : String(error);
    const line = error instanceof YAMLException && error.mark ? error.mark.line + 1 : undefined;
    throw new MetadataError(file, `not YAML: ${why}`, { cause: error, line });
  }
}

const tooLarge = (file: string): MetadataError => new MetadataError(file, `larger than ${largestFile} bytes`);

const notUtf8 = (file: string, before = ""): MetadataError =>
  new MetadataError(file, "not valid UTF-8", { line: before.split("\n").length });

/**
 * The text of a file's bytes, for `readYaml` and the parsers.
 * @throws MetadataError if they are too many, or no UTF-8
 */
export function textOfYaml(file: string, bytes: Uint8Array): string {
  if (bytes.length > largestFile) throw tooLarge(file);
  const text = new TextDecoder().decode(bytes);
  if (text.includes("\uFFFD")) throw notUtf8(file, text.split("\uFFFD")[0]);
  return text;
}

function saysNothing(line: string): boolean {
  const text = line.trim();
  return text === "" || text === "---" || text.startsWith("#");
}

function whereAndWhy(error: YAMLException): string {
  const at = error.mark ? ` at line ${error.mark.line + 1}, column ${error.mark.column + 1}` : "";
  return `${error.reason}${at}`;
}

/** YAML text of a plain value, keys in their given order. */
export function writeYaml(value: unknown): string {
  return dump(value, { lineWidth: -1, noRefs: true, schema: DUMP_SCHEMA.withTags(markedFloat) });
}
