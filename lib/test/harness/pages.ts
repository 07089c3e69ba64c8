/** Pages for readers, and the code in them: what a fence is about is said behind its language. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

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

/** The files below a folder by their path in it; what is a link counts as what it leads to. */
export function filesBelow(folder: string): Map<string, string> {
  const found = readdirSync(folder)
    .toSorted()
    .flatMap((name): [string, string][] => {
      const path = join(folder, name);
      if (!statSync(path).isDirectory()) return [[name, readFileSync(path, "utf8")]];
      return [...filesBelow(path)].map(([below, text]) => [join(name, below), text]);
    });
  return new Map(found);
}

/** Whether a text is one or more whole lines of another, one after the other. */
export const isRegionOf = (region: string, text: string): boolean =>
  region !== "" && `\n${text}`.includes(`\n${region}`);
