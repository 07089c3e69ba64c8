import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MachineTimeout } from "../src/errors.ts";
import { withLock } from "../src/lock.ts";
import { must, pipe, run } from "../src/run.ts";

describe("processes", () => {
  test("a command that fails is named with its last words", async () => {
    await expect(must(["sh", "-c", "echo no such thing >&2; exit 3"])).rejects.toThrow(
      /exited with 3: no such thing/,
    );
    await expect(run(["no-such-command-at-all"])).rejects.toThrow("Cannot start no-such-command-at-all");
  });

  test("a bound ends the command and what it started", async () => {
    await expect(run(["sh", "-c", "sleep 4141 & sleep 4141"], { timeoutMs: 200 })).rejects.toThrow(
      MachineTimeout,
    );
    await expect
      .poll(async () => (await run(["pgrep", "-f", "^sleep 4141"])).stdout, { timeout: 3_000 })
      .toBe("");
  });

  test("what forks all the time is ended too, wherever it is met", async () => {
    const forks = "while :; do sleep 4343 & sleep 0.001; done";
    await Promise.all(
      [40, 55, 70, 85].map((timeoutMs) =>
        expect(run(["sh", "-c", `sh -c '${forks}' & ${forks}`], { timeoutMs })).rejects.toThrow(
          MachineTimeout,
        ),
      ),
    );
    await expect
      .poll(async () => (await run(["pgrep", "-f", "sleep 4343"])).stdout, { timeout: 10_000 })
      .toBe("");
  });

  test("an abort ends the command", async () => {
    const stop = new AbortController();
    const asked = run(["sleep", "4242"], { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
  });

  test("a pipe passes everything, and names the side that failed", async () => {
    await pipe(
      { argv: ["sh", "-c", "head -c 3000000 /dev/zero"] },
      { argv: ["sh", "-c", "sleep 0.8; test $(wc -c) = 3000000"] },
    );
    await expect(pipe({ argv: ["sh", "-c", "exit 4"] }, { argv: ["cat"] })).rejects.toThrow("exited with 4");
    await expect(pipe({ argv: ["echo"] }, { argv: ["sh", "-c", "cat; exit 5"] })).rejects.toThrow(
      "exited with 5",
    );
  });
});

describe("locks", () => {
  test("one holder at a time, and the next after an error", async () => {
    const order: string[] = [];
    const work = (name: string) =>
      withLock(
        "test/one",
        async () =>
          void (
            order.push(`${name}+`),
            await new Promise((done) => setTimeout(done, 30)),
            order.push(`${name}-`)
          ),
      );
    await Promise.all([
      work("a"),
      work("b"),
      withLock("test/one", () => Promise.reject(new Error("x"))).catch(() => 0),
    ]);
    expect(order.join(" ")).toMatch(/^(a\+ a- b\+ b-|b\+ b- a\+ a-)$/);
  });

  test("a wait for it is bounded and named", async () => {
    await withLock("test/two", async () => {
      await expect(withLock("test/two", () => Promise.resolve(), { timeoutMs: 60 })).rejects.toThrow(
        'releases the lock "test/two"',
      );
    });
  });

  test("a killed holder holds it no more", async () => {
    const source = `import { withLock } from ${JSON.stringify(join(import.meta.dirname, "../src/lock.ts"))};
await withLock("test/three", () => { console.log("held"); return new Promise((done) => setTimeout(done, 1e6)); });`;
    const holder = spawn(process.execPath, ["--input-type=module", "-e", source], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    await expect(withLock("test/three", () => Promise.resolve(), { timeoutMs: 60 })).rejects.toThrow(
      MachineTimeout,
    );
    holder.kill("SIGKILL");
    expect(await withLock("test/three", () => Promise.resolve("mine"), { timeoutMs: 5_000 })).toBe("mine");
  });
});
