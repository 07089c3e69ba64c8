/** What a piece of code does to files, as the kernel saw it: strace's record, reduced to what durability depends on. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { must } from "../src/run.ts";

export interface FileCall {
  readonly kind: "write" | "sync" | "rename" | "unlink";
  readonly path: string;
  /** Of a rename. */
  readonly to?: string;
}

const kinds: Readonly<Record<string, FileCall["kind"]>> = {
  write: "write",
  pwrite64: "write",
  writev: "write",
  pwritev: "write",
  copy_file_range: "write",
  fsync: "sync",
  fdatasync: "sync",
  rename: "rename",
  renameat: "rename",
  renameat2: "rename",
  unlink: "unlink",
  unlinkat: "unlink",
};

/** The calls on files below `folder` that a module of this source makes, in their order. */
export async function fileCalls(source: string, folder: string): Promise<FileCall[]> {
  const scratch = await mkdtemp(join(tmpdir(), "system-calls-"));
  const record = join(scratch, "trace");
  const filter = `trace=${Object.keys(kinds).join(",")}`;
  const strace = [
    "strace",
    "--follow-forks",
    "--decode-fds=path",
    "--string-limit=0",
    "-o",
    record,
    "-e",
    filter,
  ];
  try {
    // libuv could hand calls to the kernel's ring, where strace does not see them.
    const env = { ...process.env, UV_USE_IO_URING: "0" };
    await must([...strace, process.execPath, "--input-type=module", "-e", source], {
      env,
      timeoutMs: 120_000,
    });
    const calls = (await readFile(record, "utf8")).split("\n").flatMap(parseCall);
    return calls.filter(({ path }) => path === folder || path.startsWith(`${folder}/`));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A call that another thread's interrupts stands in two lines: the first one has its arguments. */
function parseCall(line: string): FileCall[] {
  const [, name = "", rest = ""] = /^\d+\s+(\w+)\((.*)$/.exec(line) ?? [];
  const kind = kinds[name];
  if (kind === undefined || / = -1 /.test(rest)) return [];
  const named = [...rest.matchAll(/"([^"]*)"/g)].map(([, path = ""]) => path);
  const open = /^\d+<([^>]*)>/.exec(rest)?.[1];
  if (kind === "rename") return [{ kind, path: named[0] ?? "", to: named[1] ?? "" }];
  return [{ kind, path: (kind === "unlink" ? named[0] : open) ?? "" }];
}

/** Written whole, flushed, renamed to its name, and the name flushed: in this order, so that a power cut finds the old or the new. */
export function expectDurable(calls: readonly FileCall[], target: string): void {
  const renamed = calls.findLastIndex(({ kind, to }) => kind === "rename" && to === target);
  const source = calls[renamed]?.path;
  const before = calls.slice(0, Math.max(renamed, 0)).filter(({ path }) => path === source);
  const after = calls.slice(renamed + 1).map(({ kind, path }) => `${kind} ${path}`);
  expect(before.at(-1)?.kind, `the last call on what becomes ${target}`).toBe("sync");
  expect(before.some(({ kind }) => kind === "write")).toBe(true);
  expect(after).toContain(`sync ${dirname(target)}`);
}
