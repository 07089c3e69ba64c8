/** `node node/components/src/main.ts [--cache DIR] [--verify]` builds every component and prints where it lies. */
import { parseArgs } from "node:util";
import { buildComponents } from "./index.ts";

const { values } = parseArgs({ options: { cache: { type: "string" }, verify: { type: "boolean" } } });
const cacheDir = values.cache ?? process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";

try {
  const built = await buildComponents({
    cacheDir,
    verify: values.verify ?? false,
    onProgress: ({ component, phase, elapsedMs }) =>
      process.stderr.write(`${component}: ${phase} (${(elapsedMs / 1000).toFixed(1)} s)\n`),
  });
  for (const [name, file] of Object.entries(built.binaries)) process.stdout.write(`${name} ${file}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
