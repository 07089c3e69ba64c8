import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Charm } from "@cantrip/model";
import { describeCharm } from "../../src/charm-archive.ts";
import { packCharm } from "./charm.ts";

/** A charm that does nothing, as the controller reads it from an archive. */
export async function tinyCharm(): Promise<Charm> {
  const directory = await mkdtemp(join(tmpdir(), "ct-charm-"));
  try {
    const description = await describeCharm(
      await packCharm(directory, { name: "tiny", dispatch: "exit 0\n" }),
    );
    return { ...description, url: "local:tiny-0", revision: 0, sha256: "0".repeat(64), size: 1 };
  } finally {
    await rm(directory, { recursive: true });
  }
}
