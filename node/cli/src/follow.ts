/** Shows what the daemon is doing while it is asked to do something long: one changing line on a terminal, lines elsewhere. */
import { setTimeout as sleep } from "node:timers/promises";
import { client, type Format } from "./context.ts";

const LOOK_EVERY_MS = 400;

/** Runs a call and shows the steps under way until it ends. Interrupted, it says that the daemon goes on. */
export async function following<T>(format: Format, call: () => Promise<T>): Promise<T> {
  const ending = new AbortController();
  const interrupted = () => {
    process.stderr.write(
      "\nThe daemon goes on by itself: follow it with k8s status, or run the same command again.\n",
    );
    process.exit(130);
  };
  process.once("SIGINT", interrupted);
  const shown = format === "plain" ? show(ending.signal) : Promise.resolve();
  try {
    return await call();
  } finally {
    ending.abort();
    process.off("SIGINT", interrupted);
    await shown;
  }
}

async function show(signal: AbortSignal): Promise<void> {
  const isTerminal = process.stderr.isTTY;
  let last = "";
  while (!signal.aborted) {
    const step = await present();
    if (step && step !== last) process.stderr.write(isTerminal ? `\r\u001b[K${step} …` : `${step}\n`);
    last = step ?? last;
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  if (isTerminal) process.stderr.write("\r\u001b[K");
}

/** `join: waiting until etcd is in sync`, or nothing. */
async function present(): Promise<string | undefined> {
  try {
    return (await client.call("getProgress", undefined, { timeoutMs: 2_000 })).operation ?? undefined;
  } catch {
    return undefined;
  }
}
