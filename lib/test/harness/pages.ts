/** Pages for readers, and the code in them: what a fence is about is said behind its language. */
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

export interface Block {
  readonly language: string;
  /** What stands behind the language: the file that the block is of, or how a command is checked. */
  readonly about: string;
  readonly text: string;
  /** The line of its fence, counted from 1. */
  readonly line: number;
}

const fence = /^```(\w*) ?(.*)\n([^]*?)^```$/gm;

export function blocksOf(page: string): Block[] {
  return [...page.matchAll(fence)].map(({ index, 1: language = "", 2: about = "", 3: text = "" }) => ({
    language,
    about,
    text,
    line: page.slice(0, index).split("\n").length,
  }));
}

/** The targets of a page's links to other files, without those to the web. */
export function linksOf(page: string): string[] {
  return [...page.replace(fence, "").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^https?:/.test(target));
}

/** Headings as GitHub links to them. */
export function anchorsOf(page: string): string[] {
  return [...page.replace(fence, "").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** The files below a folder by their path in it. */
export function filesBelow(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => join(parentPath, name));
  return new Map(paths.toSorted().map((path) => [relative(folder, path), readFileSync(path, "utf8")]));
}

/** Whether a text is one or more whole lines of another, one after the other. */
export const isRegionOf = (region: string, text: string): boolean =>
  region !== "" && `\n${text}`.includes(`\n${region}`);
