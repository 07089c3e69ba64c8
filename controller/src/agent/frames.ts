/** The hook tool's protocol: a frame is the length of its JSON in 4 bytes, then the JSON. One question and one answer per connection. */
import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";

export interface ToolCall {
  readonly context: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly stdin?: string;
}
export interface ToolAnswer {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  readonly needStdin?: boolean;
}

const maxFrame = 16 << 20;

/** Listens at `path` in place of whatever socket was left there. */
export async function serveFrames(
  path: string,
  answer: (call: ToolCall, gone: AbortSignal) => Promise<ToolAnswer>,
): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer((socket) => serve(socket, answer));
  const mask = process.umask(0o077);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, () => resolve());
    });
  } finally {
    process.umask(mask);
  }
  return server;
}

function serve(socket: Socket, answer: (call: ToolCall, gone: AbortSignal) => Promise<ToolAnswer>): void {
  const gone = new AbortController();
  let received: Buffer = Buffer.alloc(0);
  let asked = false;
  socket.on("error", () => socket.destroy());
  socket.on("close", () => gone.abort());
  socket.on("data", (chunk: Buffer) => {
    if (asked) return;
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (received.length < 4) return;
    const size = received.readUInt32BE(0);
    if (size > maxFrame) socket.destroy();
    if (received.length < 4 + size) return;
    asked = true;
    void reply(socket, received.subarray(4, 4 + size).toString("utf8"), (call) => answer(call, gone.signal));
  });
}

async function reply(
  socket: Socket,
  text: string,
  answer: (call: ToolCall) => Promise<ToolAnswer>,
): Promise<void> {
  const result = await answerTo(text, answer).catch((error: unknown) =>
    failed(error instanceof Error ? error.message : String(error)),
  );
  const body = Buffer.from(JSON.stringify(result));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.end(Buffer.concat([head, body]));
}

async function answerTo(text: string, answer: (call: ToolCall) => Promise<ToolAnswer>): Promise<ToolAnswer> {
  const call = JSON.parse(text) as ToolCall;
  if (!Array.isArray(call.argv) || !call.argv.every((word) => typeof word === "string"))
    return failed("bad request: expected argv");
  return answer(call);
}

export function failed(message: string, exitCode = 1): ToolAnswer {
  return { stdout: "", stderr: `ERROR ${message}\n`, exitCode };
}
