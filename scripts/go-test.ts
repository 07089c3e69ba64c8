/** `go vet` and `go test` of one of our own Go programs, with the toolchain that builds the components. */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { goToolchain } from "@cantrip/components";

const folder = resolve(import.meta.dirname, "..", process.argv[2] ?? "");
const go = await goToolchain({ cacheDir: process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip" });
for (const verb of ["vet", "test"]) {
  const { status } = spawnSync(go.go, [verb, "./..."], {
    cwd: folder,
    stdio: "inherit",
    env: { ...process.env, CGO_ENABLED: "0" },
  });
  if (status !== 0) process.exit(status ?? 1);
}
