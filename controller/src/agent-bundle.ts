/** The agent's directory, to be bound into machines at /opt/cantrip/agent: `agent.mjs` (one file) and `hooktool`. */
import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buildHookTool, type BuildOptions } from "../hooktool/build.ts";

export interface AgentDirectoryOptions extends BuildOptions {
  readonly directory: string;
}

/** Whole or untouched: files are made beside the directory, then renamed into it. */
export async function buildAgentDirectory({ directory, ...options }: AgentDirectoryOptions): Promise<void> {
  const hookTool = await buildHookTool(options);
  await mkdir(directory, { recursive: true });
  const work = await mkdtemp(join(dirname(directory), ".agent-"));
  try {
    await bundle(join(work, "agent.mjs"));
    await copyFile(hookTool, join(work, "hooktool"));
    await chmod(join(work, "hooktool"), 0o755);
    for (const name of ["hooktool", "agent.mjs"]) await rename(join(work, name), join(directory, name));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function bundle(outfile: string): Promise<void> {
  const { build } = await import("esbuild");
  await build({
    entryPoints: [join(import.meta.dirname, "agent", "main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node26",
    minifySyntax: true,
    // ws is CommonJS and requires Node's own modules; its native helpers are optional.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    external: ["bufferutil", "utf-8-validate"],
    logLevel: "warning",
  });
}
