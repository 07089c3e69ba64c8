/**
 * Locks between processes that a kill releases: an abstract Unix socket has one owner on the host and dies with it,
 * so there is no stale lock file to judge.
 */
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { MachineTimeout } from "./errors.ts";

export async function withLock<T>(
  name: string,
  action: () => Promise<T>,
  { timeoutMs = 120_000 } = {},
): Promise<T> {
  const server = await acquire(name, timeoutMs);
  try {
    return await action();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

async function acquire(name: string, timeoutMs: number): Promise<Server> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const server = await listen(`\0cantrip/lock/${name}`);
    if (server) return server;
    if (Date.now() > deadline)
      throw new MachineTimeout(`another process releases the lock "${name}"`, timeoutMs);
    await sleep(25);
  }
}

function listen(path: string): Promise<Server | undefined> {
  const server = createServer((connection) => connection.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}
