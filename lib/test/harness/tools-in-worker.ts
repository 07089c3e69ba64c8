/** `processTools` in a thread of its own: it holds up its thread while a tool runs, and the tools of these tests are served by ours. */
import { Worker, parentPort, workerData } from "node:worker_threads";
import { processTools, type ToolCall, type ToolResult, type ToolRunner } from "@cantrip/lib";

const role = "tools for a test";

interface Asked {
  readonly number: number;
  readonly path: string;
  readonly call: ToolCall;
}
interface Answered {
  readonly number: number;
  readonly result: ToolResult;
}

/** Starts the thread, which ends with the process: as many runners as one likes, each for tools of its own. */
export function toolsInWorker(): (path: string) => ToolRunner {
  const worker = new Worker(new URL(import.meta.url), { workerData: role });
  worker.unref();
  const waiting = new Map<number, (result: ToolResult) => void>();
  worker.on("message", ({ number, result }: Answered) => waiting.get(number)?.(result));
  let asked = 0;
  return (path) => ({
    run: (call) =>
      new Promise((resolve) => {
        const number = (asked += 1);
        waiting.set(number, resolve);
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
        const asks: Asked = { number, path, call };
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
        worker.postMessage(asks);
      }),
  });
}

function serve(port: NonNullable<typeof parentPort>): void {
  const runners = new Map<string, ToolRunner>();
  port.on("message", ({ number, path, call }: Asked) => {
    const runner = runners.get(path) ?? processTools({ PATH: path });
    runners.set(path, runner);
    void runner.run(call).then((result) => port.postMessage({ number, result } satisfies Answered));
  });
}

// Whoever runs the tests may do so in a thread of its own, too.
if (workerData === role && parentPort) serve(parentPort);
