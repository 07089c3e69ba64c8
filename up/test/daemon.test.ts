import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runningPid, stop, type Daemon } from "../src/daemon.ts";

let scratch: string;
let daemon: Daemon;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "cantrip-daemon-"));
  const program = join(scratch, "main.ts");
  writeFileSync(program, "setInterval(() => 0, 1000);\n");
  const flags = ["--state", join(scratch, "state"), "--machines-config", join(scratch, "machines.json")];
  daemon = {
    instance: "cantrip-unit-test",
    argv: [process.execPath, program, ...flags],
    logFile: join(scratch, "log"),
  };
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

test("a controller that nobody wrote down is found and ended, and no other's", async () => {
  const other = { ...daemon, argv: daemon.argv.map((word) => word.replace(/state$/, "state-of-another")) };
  const children = [daemon, other].map(({ argv }) => spawn(argv[0]!, argv.slice(1), { stdio: "ignore" }));
  try {
    await vi.waitFor(() => expect(runningPid(other)).toBe(children[1]!.pid), { timeout: 10_000 });
    await vi.waitFor(() => expect(runningPid(daemon)).toBe(children[0]!.pid), { timeout: 10_000 });
    await stop(daemon);
    expect(runningPid(daemon)).toBeUndefined();
    expect(runningPid(other)).toBe(children[1]!.pid);
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
});

test("a controller of another checkout is the same one", async () => {
  const child = spawn(daemon.argv[0]!, daemon.argv.slice(1), { stdio: "ignore" });
  try {
    const elsewhere = {
      argv: daemon.argv.map((word) => word.replace(/^.*\/main\.ts$/, "/elsewhere/main.ts")),
    };
    await vi.waitFor(() => expect(runningPid(elsewhere)).toBe(child.pid), { timeout: 10_000 });
  } finally {
    child.kill("SIGKILL");
  }
});
