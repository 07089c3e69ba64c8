/** `node lib/src/pack/main.ts DIR [--runtime bundled|host] [-o FILE]`: packs a charm, prints the archive's path. */
import { parseArgs } from "node:util";
import { MetadataError } from "@cantrip/metadata";
import { PackError, type Runtime, packCharm } from "./index.ts";

const usage =
  "usage: node lib/src/pack/main.ts DIR [--runtime bundled|host] [--architecture ARCH] [--node BINARY] [-o FILE]";
const runtimes: readonly string[] = ["bundled", "host"] satisfies Runtime[];

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runtime: { type: "string", default: "bundled" },
      architecture: { type: "string" },
      node: { type: "string" },
      output: { type: "string", short: "o" },
    },
  });
  const [dir, ...surplus] = positionals;
  if (dir === undefined || surplus.length > 0 || !runtimes.includes(values.runtime))
    throw new TypeError(usage);
  const path = await packCharm({
    dir,
    runtime: values.runtime as Runtime,
    onWarning: (warning) => console.error(`warning: ${warning}`),
    ...(values.architecture === undefined ? {} : { architecture: values.architecture }),
    ...(values.node === undefined ? {} : { nodeBinary: values.node }),
    ...(values.output === undefined ? {} : { out: values.output }),
  });
  console.log(path);
  return 0;
}

try {
  process.exitCode = await run();
} catch (error) {
  const isExpected = error instanceof PackError || error instanceof MetadataError;
  console.error(isExpected || error instanceof TypeError ? error.message : error);
  process.exitCode = isExpected ? 1 : 2;
}
