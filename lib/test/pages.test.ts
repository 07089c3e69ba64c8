/**
 * The code in the pages is the code that is tested. The guide's example lies in `tutorial/`, a folder for each page that changes
 * the charms; a block names the file that it is a part of, and what a page does not show is as in the step before.
 */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openPromise } from "yauzl";
import { type Block, anchorsOf, blocksOf, filesBelow, isRegionOf, linksOf } from "./harness/pages.ts";
import { UnpackedCharm } from "./harness/unpacked.ts";

const top = resolve(import.meta.dirname, "..", "..");
const guide = join(top, "docs", "framework");
const read = (...path: string[]): string => readFileSync(join(...path), "utf8");
const titleOf = ({ about, line }: Block): string => `${about}, line ${line}`;

const scratch = mkdtempSync(join(tmpdir(), "pages-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const steps = readdirSync(join(import.meta.dirname, "tutorial")).toSorted();
const pages = readdirSync(guide)
  .filter((name) => /^\d/.test(name))
  .toSorted();
const code = new Set(["ts", "yaml"]);

/** What a page shows is of its step, or of the last one before it. */
const stepOf = (page: string): string =>
  steps.findLast((name) => Number.parseInt(name) <= Number.parseInt(page)) ?? "";

describe("the readme's example is the one that is tested", () => {
  const blocks = blocksOf(read(import.meta.dirname, "..", "README.md")).filter(({ language }) =>
    code.has(language),
  );

  test.each(blocks.map((block) => [titleOf(block), block] as const))("%s", (_, { about, text }) => {
    expect(text).toBe(read(import.meta.dirname, about));
  });

  test("it is whole", () => {
    expect(blocks.map(({ about }) => about)).toEqual([
      "charms/greeter/charmcraft.yaml",
      "charms/greeter/src/charm.ts",
      "charms/greeter/src/main.ts",
      "greeter.test.ts",
    ]);
  });
});

describe.each(pages)("the guide: %s", (page) => {
  const text = read(guide, page);
  const blocks = blocksOf(text);
  const shown = blocks.filter(({ language }) => code.has(language));

  test.each(shown.map((block) => [titleOf(block), block] as const))(
    "shows what is tested: %s",
    (_, block) => {
      expect(
        isRegionOf(block.text, read(import.meta.dirname, "tutorial", stepOf(page), block.about)),
        block.text,
      ).toBe(true);
    },
  );

  test("has no block that nothing checks", () => {
    const commands = new Set(["sh run", "sh juju", "sh vitest", "text output", "text archive"]);
    const rest = blocks.filter((block) => !shown.includes(block));
    expect(
      rest.map(({ language, about }) => `${language} ${about}`).filter((kind) => !commands.has(kind)),
    ).toEqual([]);
  });

  test("links to what is there", () => {
    const broken = linksOf(text).filter((link) => {
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? join(guide, page) : join(guide, file);
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(read(target)).includes(anchor));
    });
    expect(broken).toEqual([]);
  });

  test("names tests that exist", () => {
    for (const command of commandsIn(blocks, "vitest")) {
      expect(command).toMatch(/^npx vitest run --project unit lib\/test\/tutorial\/[\w-]+$/);
      expect(globSync(`${command.split(" ").at(-1)}/**/*.test.ts`, { cwd: top })).not.toEqual([]);
    }
  });
});

describe.each(steps.map((step, n) => [step, steps[n - 1]] as const))("step %s", (step, before) => {
  const blocks = pages.filter((page) => stepOf(page) === step).flatMap((page) => blocksOf(read(guide, page)));
  const old =
    before === undefined
      ? new Map<string, string>()
      : filesBelow(join(import.meta.dirname, "tutorial", before));
  /** Tests that grow are not shown anew on each page; the page about testing is about them. */
  const growing = (path: string): boolean => old.has(path) && /\/test\/|^machine\/memory/.test(path);
  const files = [...filesBelow(join(import.meta.dirname, "tutorial", step))];

  test.each(files.filter(([path]) => !path.includes("generated") && !growing(path)))(
    "is what a reader gets who follows the page: %s",
    (path, text) => {
      const known = new Set(old.get(path)?.split("\n") ?? []);
      const shown = new Set(
        blocks.filter(({ about }) => about === path).flatMap((block) => block.text.split("\n")),
      );
      const missing = text
        .split("\n")
        .filter((line) => line.trim() !== "" && !known.has(line) && !shown.has(line));
      expect(missing).toEqual([]);
    },
  );
});

describe("commands in the guide", () => {
  const blocks = pages.flatMap((page) => blocksOf(read(guide, page)).map((block) => ({ ...block, page })));
  const here = (text: string): string => text.replaceAll("/tmp/", `${scratch}/`);

  test.each(blocks.filter(({ about }) => about === "run").map((block) => [block.text, block] as const))(
    "prints what the page says: %s",
    (_, block) => {
      const next = blocks[blocks.indexOf(block) + 1];
      const expected = next?.about === "output" ? next.text : "";
      const printed = commandsIn([block], "run").map((command) => {
        const [program = "", ...args] = here(command).split(" ");
        expect(program).toBe("node");
        return execFileSync(process.execPath, args, { cwd: top, encoding: "utf8" });
      });
      expect(printed.join("")).toBe(here(expected));
    },
  );

  test("the archive holds what the page says", async () => {
    const listing = blocks.find(({ about }) => about === "archive");
    const zip = await openPromise(join(scratch, "share.charm"));
    const names: string[] = [];
    for await (const entry of zip.eachEntry()) names.push(entry.fileName);
    expect(names.toSorted()).toEqual(listing?.text.trim().split("\n"));
  });

  const verbs = new Set(commandsIn(blocks, "juju").map((command) => command.split(" ")[1] ?? ""));

  test("cantrip knows juju's verbs that are used", () => {
    const help = execFileSync(join(top, "cantrip"), ["help"], { encoding: "utf8" });
    expect(
      [...verbs].filter((verb) => !help.includes(`\n  ${verb} `) && !help.includes(`\n  ${verb}|`)),
    ).toEqual([]);
    expect(verbs.size).toBeGreaterThan(0);
  });
});

function commandsIn(blocks: readonly Block[], about: string): string[] {
  return blocks
    .filter((block) => block.about === about)
    .flatMap(({ text }) => text.trim().split("\n"))
    .map((line) => line.replace(/ +#.*$/, ""));
}

test("the framework has what the page on porting names", () => {
  const ours = read(guide, "9-porting.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((row) => [...(row.split(" | ")[1] ?? "").matchAll(/`[^`]+`/g)].flat())
    .flatMap((text) => [...text.matchAll(/\.(\w+)/g)].map(([, name = ""]) => name));
  const known = new Set(read(guide, "reference.md").match(/\w+/g));
  expect(ours).toContain("setStatus");
  expect(ours.filter((name) => !known.has(name))).toEqual([]);
});

test("the types of the example's charms are up to date", () => {
  const script = join(top, "metadata", "scripts", "charm-types.ts");
  const charms = globSync("lib/test/tutorial/*/share/src/generated", { cwd: top }).map((path) =>
    dirname(dirname(path)),
  );
  expect(charms.length).toBe(steps.length - 1);
  expect(() =>
    execFileSync(process.execPath, [script, ...charms, "--check"], { cwd: top, stdio: "pipe" }),
  ).not.toThrow();
});

test("the packed example runs", async () => {
  const charm = await UnpackedCharm.of(join(import.meta.dirname, "tutorial", steps.at(-1) ?? "", "share"));
  try {
    charm.linkRuntime();
    // An action that fails before it looks at the machine, which is this one.
    const { exitCode, buffer } = await charm.dispatch({ action: "usage", params: { client: "nobody" } });
    expect([exitCode, buffer.action.failed]).toEqual([0, '"nobody" has no share here']);
  } finally {
    charm.remove();
  }
});
