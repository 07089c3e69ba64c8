import type { ToolCall, ToolResult, ToolRunner } from "../tools/runner.ts";

/** Longer ones are cut: this is for people. */
const longest = 200;

/** A runner that remembers, in words, what was called and what came of it. Contents of secrets are not among the words. */
export function recorded(runner: ToolRunner): { runner: ToolRunner; calls: readonly string[] } {
  const calls: string[] = [];
  return {
    calls,
    runner: {
      async run(call) {
        const result = await runner.run(call);
        calls.push(inWords(call, result));
        return result;
      },
    },
  };
}

function inWords({ argv, stdin, contents }: ToolCall, { exitCode, stdout, stderr }: ToolResult): string {
  const secret = contents === undefined ? "" : ` (${Object.keys(contents).join(", ")})`;
  const input = stdin === undefined ? "" : ` < ${cut(stdin)}`;
  const output = argv[0] === "secret-get" && exitCode === 0 ? "(content)" : cut(stdout.trim());
  const outcome = exitCode === 0 ? output && ` → ${output}` : ` → exit ${exitCode}: ${cut(stderr.trim())}`;
  return `${cut(argv.join(" "))}${secret}${input}${outcome}`;
}

const cut = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}…` : text);

/** Puts what led to an error on it, where test runners print it; the error stays the one that was thrown. */
export function withTrail(error: unknown, trail: Readonly<Record<string, unknown>>): unknown {
  if (error instanceof Error && Object.isExtensible(error))
    for (const [name, value] of Object.entries(trail))
      Object.defineProperty(error, name, { value, enumerable: true, configurable: true, writable: true });
  return error;
}
