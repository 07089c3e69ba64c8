import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { hookToolNames, runHookTool, type ToolResult } from "@cantrip/model";
import type { FarSide } from "./world.ts";

/** Hook tools as executables in a directory, served by the model through a socket as the agent serves them. */
export interface ToolProcesses {
  readonly dir: string;
  readonly calls: readonly (readonly string[])[];
  readonly stop: () => void;
}

export interface ToolOptions {
  /** The program behind every tool, for its socket. Default: one in the runtime's own language. */
  readonly client?: (socket: string) => string;
  /** Sees each call before the model does; what it returns is the answer, and the model is not asked. */
  readonly answer?: (call: { argv: readonly string[]; stdin: string | undefined }) => ToolResult | undefined;
}

const nodeClient = (socket: string): string => `#!${process.execPath}
const { request } = require("node:http");
const { basename } = require("node:path");
const argv = [basename(process.argv[1]), ...process.argv.slice(2)];
const wantsInput = argv.some((arg, n) => arg === "-" && argv[n - 1] === "--file");
const stdin = wantsInput ? require("node:fs").readFileSync(0, "utf8") : undefined;
const call = request({ socketPath: ${JSON.stringify(socket)}, method: "POST" }, (answer) => {
  let body = "";
  answer.on("data", (part) => (body += part));
  answer.on("end", () => {
    const { exitCode, stdout, stderr } = JSON.parse(body);
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    process.exitCode = exitCode;
  });
});
call.end(JSON.stringify({ argv, stdin }));
`;

export async function startTools(
  { view, buffer, effects }: FarSide,
  { client = nodeClient, answer }: ToolOptions = {},
): Promise<ToolProcesses> {
  const folder = mkdtempSync(join(tmpdir(), "tools-"));
  const dir = join(folder, "bin");
  const socket = join(folder, "agent.socket");
  const calls: string[][] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { argv, stdin } = JSON.parse(await text(request)) as { argv: string[]; stdin?: string };
    calls.push(argv);
    const given = answer?.({ argv, stdin });
    response.end(JSON.stringify(given ?? (await runHookTool(view, buffer, argv, stdin, effects))));
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  mkdirSync(dir);
  writeFileSync(join(folder, "tool"), client(socket), { mode: 0o755 });
  for (const name of hookToolNames) symlinkSync("../tool", join(dir, name));
  return {
    dir,
    calls,
    stop: () => {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
