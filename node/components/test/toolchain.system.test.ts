/** An old Go fetches the pinned one: the real module, through Go's ordinary client, copied into a cache of its own. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { goToolchain } from "../src/toolchain.ts";
import { goVersion } from "../src/versions.ts";

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(path.join(tmpdir(), "cantrip-toolchain-system-"))));
afterEach(async () => await rm(scratch, { recursive: true, force: true }));

test("where Go is too old, the pinned Go is fetched, runs, and is found again without any Go", async () => {
  const { go } = await goToolchain({ cacheDir: scratch });
  const old = path.join(scratch, "go");
  await writeFile(
    old,
    `#!/bin/sh\n[ "$*" = "env GOVERSION" ] && { echo go1.19.8; exit; }\nexec ${go} "$@"\n`,
  );
  await chmod(old, 0o755);
  const fetched = await goToolchain({ cacheDir: scratch, searchPath: [scratch] });
  expect(fetched.go).toBe(
    path.join(scratch, "toolchain", path.basename(path.resolve(fetched.go, "../../..")), "go/bin/go"),
  );
  const env = { GOTOOLCHAIN: "local", CGO_ENABLED: "0" };
  expect((await execa(fetched.go, ["version"], { env })).stdout).toContain(`go${goVersion} `);
  await writeFile(path.join(scratch, "main.go"), "package main\n\nfunc main() { println(42) }\n");
  expect((await execa(fetched.go, ["run", "main.go"], { env, cwd: scratch })).stderr).toBe("42");
  await rm(old);
  expect(await goToolchain({ cacheDir: scratch, searchPath: [scratch] })).toEqual(fetched);
});
