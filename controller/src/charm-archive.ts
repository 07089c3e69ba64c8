/** Reading `.charm` archives on the controller's side: what is in them, and the charm that they describe. */
import {
  MetadataError,
  parseCharmActions,
  parseCharmConfig,
  parseCharmMetadata,
  parseManifest,
} from "@cantrip/metadata";
import type { Charm } from "@cantrip/model";
import { openPromise, type Entry, type ZipFile } from "yauzl";
import { ApiError } from "./facade.ts";

const maxMetadataBytes = 1 << 20;
const maxFileBytes = 16 << 20;

export type CharmDescription = Pick<
  Charm,
  "name" | "metadata" | "config" | "actions" | "manifest" | "version"
>;

/** @throws ApiError "bad request" that says what is wrong with it */
export async function describeCharm(archivePath: string): Promise<CharmDescription> {
  const texts = await readTexts(archivePath, [
    "metadata.yaml",
    "config.yaml",
    "actions.yaml",
    "manifest.yaml",
    "version",
  ]);
  const metadataText = texts.get("metadata.yaml");
  if (metadataText === undefined)
    throw new ApiError("bad request", "cannot read the charm archive: it has no metadata.yaml");
  try {
    const metadata = parseCharmMetadata(metadataText);
    const manifest = texts.get("manifest.yaml");
    const version = texts.get("version")?.trim();
    return {
      name: metadata.name,
      metadata,
      config: parseCharmConfig(texts.get("config.yaml") ?? "options: {}\n"),
      actions: parseCharmActions(texts.get("actions.yaml") ?? "{}\n"),
      ...(manifest === undefined ? {} : { manifest: parseManifest(manifest) }),
      ...(version ? { version } : {}),
    };
  } catch (error) {
    if (error instanceof MetadataError)
      throw new ApiError("bad request", `cannot read the charm archive: ${error.message}`);
    throw error;
  }
}

export async function listArchive(archivePath: string): Promise<string[]> {
  const names: string[] = [];
  await eachEntry(
    archivePath,
    async (entry) => void (entry.fileName.endsWith("/") || names.push(entry.fileName)),
  );
  return names.sort();
}

export async function readArchiveFile(archivePath: string, name: string): Promise<Buffer | undefined> {
  let found: Buffer | undefined;
  await eachEntry(archivePath, async (entry, zip) => {
    if (entry.fileName === name) found = await readEntry(zip, entry, maxFileBytes);
  });
  return found;
}

async function readTexts(archivePath: string, names: readonly string[]): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  await eachEntry(archivePath, async (entry, zip) => {
    if (names.includes(entry.fileName))
      texts.set(entry.fileName, (await readEntry(zip, entry, maxMetadataBytes)).toString("utf8"));
  });
  return texts;
}

async function eachEntry(
  archivePath: string,
  visit: (entry: Entry, zip: ZipFile) => Promise<void>,
): Promise<void> {
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(archivePath, { autoClose: false, lazyEntries: true });
    for await (const entry of zip.eachEntry()) await visit(entry, zip);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(
      "bad request",
      `cannot open the charm archive: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    zip?.close();
  }
}

async function readEntry(zip: ZipFile, entry: Entry, maxBytes: number): Promise<Buffer> {
  if (entry.uncompressedSize > maxBytes)
    throw new ApiError(
      "bad request",
      `"${entry.fileName}" in the charm archive is larger than ${maxBytes} bytes`,
    );
  const chunks: Buffer[] = [];
  for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
