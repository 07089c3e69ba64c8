/** Files made to hurt: each has to be refused with our own error, or read, in bounded time and memory. */
import { expect, test } from "vitest";
import {
  MetadataError,
  parseBundle,
  parseCharmActions,
  parseCharmConfig,
  parseCharmMetadata,
  parseCharmProject,
  readYaml,
  textOfYaml,
} from "@cantrip/metadata";

const head = "name: web\nsummary: s\ndescription: d\n";

function bomb(levels: number, width: number): string {
  const lines = ["l0: &l0 {x: lol}"];
  for (let level = 1; level <= levels; level++)
    lines.push(
      `l${level}: &l${level} [${Array(width)
        .fill(`*l${level - 1}`)
        .join(", ")}]`,
    );
  return `${lines.join("\n")}\n`;
}

/** Each link one level deeper than the one before, without any nesting in the text. */
const chain = (links: number): string =>
  ["c0: &c0 [x]", ...Array.from({ length: links }, (_, at) => `c${at + 1}: &c${at + 1} [*c${at}]`)].join(
    "\n",
  );

/** The same in the order in which no part is known before its whole: integer keys are sorted. */
const backwards = (links: number): string =>
  [
    `${links}: &c0 [x]`,
    ...Array.from({ length: links }, (_, at) => `${links - at - 1}: &c${at + 1} [*c${at}]`),
  ].join("\n");

const parsers = [parseCharmMetadata, parseCharmConfig, parseCharmActions, parseCharmProject, parseBundle];

test.each([
  ["aliases that multiply", bomb(9, 9), "aliases blow it up"],
  ["aliases that multiply further", bomb(40, 20), "aliases blow it up"],
  [
    "a long text many times",
    `a: &a ${"x".repeat(100_000)}\nb: [${"*a, ".repeat(1000)}]`,
    "aliases blow it up",
  ],
  [
    "merges that multiply",
    `a: &a {${Array.from({ length: 500 }, (_, at) => `k${at}: 1`).join(", ")}}\n${Array.from({ length: 500 }, (_, at) => `b${at}: {<<: *a}`).join("\n")}`,
    "not YAML",
  ],
  ["an alias to its owner", "a: &a [*a]", "metadata"],
  ["an alias to the whole", "&a {x: *a}", "metadata"],
  ["an unknown alias", "a: *nowhere", "not YAML"],
  ["a chain of aliases", chain(20_000), "nested deeper"],
  ["a chain of aliases backwards", backwards(20_000), "nested deeper"],
  ["deep flow", "[".repeat(100_000), "not YAML"],
  ["deep blocks", Array.from({ length: 2000 }, (_, at) => `${" ".repeat(at)}a:`).join("\n"), "not YAML"],
  ["50 MB", `a: ${"x".repeat(50_000_000)}`, "larger than"],
  ["no text", "a: \u0000", "not YAML"],
  ["duplicate keys", "a: 1\n'a': 2", "duplicated mapping key"],
  ["two documents", "a: 1\n---\nb: 2", "not YAML"],
  ["code", "a: !!js/function 'function () {}'", "not YAML"],
  ["tabs", "a:\n\tb: 1", "not YAML"],
])("refused: %s", (_, text, reason) => {
  for (const parse of parsers) {
    expect(() => parse(text)).toThrow(MetadataError);
    if (reason !== "metadata") expect(() => parse(text)).toThrow(reason);
  }
});

test("bytes that are no UTF-8, or too many, are refused by name and line", () => {
  const latin = Buffer.concat([Buffer.from("a: 1\nb: "), Buffer.from([0xe9])]);
  expect(() => textOfYaml("config.yaml", latin)).toThrow("config.yaml:2: not valid UTF-8");
  const utf16 = Buffer.from("\uFEFFa: 1", "utf16le");
  expect(() => textOfYaml("config.yaml", utf16)).toThrow("not valid UTF-8");
  expect(() => textOfYaml("config.yaml", new Uint8Array(50_000_000))).toThrow("larger than");
  expect(textOfYaml("config.yaml", Buffer.from("a: é"))).toBe("a: é");
});

test("modest anchors and merges are ordinary YAML", () => {
  const text = `${head}x-base: &base {interface: http, limit: 1}\nrequires: {a: *base, b: {<<: *base, limit: 2}}`;
  expect(parseCharmMetadata(text).endpoints).toMatchObject([
    { name: "a", limit: 1 },
    { name: "b", interface: "http", limit: 2 },
  ]);
});

test("a large list without aliases is large, not hostile", () => {
  expect(readYaml("x", `[${"1,".repeat(200_000)}]`)).toHaveLength(200_000);
});

test("keys from prototypes change nothing but their own entry", () => {
  const { options } = parseCharmConfig(
    "options: {__proto__: {type: int}, constructor: {}, toString: {default: x}}",
  );
  expect(options.map(({ name }) => name)).toEqual(["__proto__", "constructor", "toString"]);
  expect(({} as Record<string, unknown>)["type"]).toBeUndefined();
  expect(() => parseCharmMetadata("__proto__: {name: a, summary: b, description: c}")).toThrow("missing");
  expect(() => parseCharmActions("__proto__: {}")).toThrow(MetadataError);
});

test.each(["1e999", "-.inf", ".nan", "9".repeat(100_000), "0x" + "f".repeat(10_000), "1.5"])(
  "number %.20s is no limit, no count and no int",
  (number) => {
    expect(() => parseCharmMetadata(`${head}requires: {a: {interface: b, limit: ${number}}}`)).toThrow(
      MetadataError,
    );
    expect(() => parseCharmConfig(`options: {a: {type: int, default: ${number}}}`)).toThrow(MetadataError);
    expect(() => parseBundle(`applications: {a: {charm: b, num_units: ${number}}}`)).toThrow(MetadataError);
  },
);

test.each(["a".repeat(200_000) + "!", "a-" + "a".repeat(200_000) + "!", "-a".repeat(100_000)])(
  "a long name %#",
  (name) => {
    expect(() => parseCharmProject(`type: charm\n${head.replace("web", name)}`)).toThrow("name: must");
    expect(() => parseCharmMetadata(`${head}requires: {? ${name} : a}`)).toThrow(MetadataError);
    expect(() => parseBundle(`applications: {? ${name} : {charm: a}}`)).toThrow(MetadataError);
  },
);

const many = (line: (index: number) => string, count = 100_000): string =>
  Array.from({ length: count }, (_, index) => line(index)).join("\n");

test.each([
  ["unknown keys", `type: charm\n${head}${many((at) => `nam${at}: 1`)}`],
  ["wrong entries", `type: charm\n${head}requires:\n${many((at) => `  r${at}: []`)}`],
  ["wrong names", `type: charm\n${head}requires:\n${many((at) => `  R${at}: a`)}`],
  [
    "wrong keys in entries",
    `type: charm\n${head}config:\n  options:\n${many((at) => `    r${at}: {typ: a, type: b}`)}`,
  ],
])(
  "a hundred thousand %s are told shortly and soon",
  (_, text) => {
    const began = process.threadCpuUsage();
    expect(() => parseCharmProject(text)).toThrow(
      /^charmcraft.yaml: \d{6} problems:\n(.*\n){20}.*and \d+ more$/,
    );
    const { user } = process.threadCpuUsage(began);
    expect(user / 1e6, "seconds of work; a quadratic step takes minutes").toBeLessThan(30);
  },
  120_000,
);
