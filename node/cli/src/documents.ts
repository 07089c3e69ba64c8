/** Configuration files of bootstrap and join: read, checked here already, so that a mistake costs nothing. */
import { readFile } from "node:fs/promises";
import { text as readStream } from "node:stream/consumers";
import { parseDocument } from "@cantrip/k8sd";
import type { Schema } from "@cantrip/metadata/k8sd";
import { failedTo } from "./errors.ts";

export async function readConfig<T>(file: string, schema: Schema<T>): Promise<T> {
  try {
    const content = file === "-" ? await readStream(process.stdin) : await readFile(file, "utf8");
    return await parseDocument(schema, content, file === "-" ? "standard input" : file);
  } catch (error) {
    throw failedTo("read the configuration", error);
  }
}
