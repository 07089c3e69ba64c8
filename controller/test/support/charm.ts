/** Packs a charm of shell scripts at test time. */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { ZipFile } from "yazl";

export interface CharmSource {
  readonly name: string;
  /** body of metadata.yaml after name and summary */
  readonly metadata?: string;
  readonly config?: string;
  readonly actions?: string;
  /** POSIX sh; `$hook` is the hook's or action's name */
  readonly dispatch: string;
  readonly files?: Readonly<Record<string, string>>;
}

const prologue = `#!/bin/sh
set -eu
hook=\${JUJU_DISPATCH_PATH##*/}
# On the machine too: a log line may be lost with a controller that is killed.
echo "$hook" >> "/tmp/ran-\${JUJU_UNIT_NAME%/*}-\${JUJU_UNIT_NAME#*/}"
juju-log "RAN $hook\${JUJU_REMOTE_UNIT:+($JUJU_REMOTE_UNIT)}"
`;

export async function packCharm(
  directory: string,
  { name, metadata = "", config, actions, dispatch, files = {} }: CharmSource,
): Promise<string> {
  const path = join(directory, `${name}.charm`);
  const zip = new ZipFile();
  const add = (file: string, text: string, mode = 0o100644) =>
    zip.addBuffer(Buffer.from(text), file, { mode, compress: true });
  add(
    "metadata.yaml",
    `name: ${name}\nsummary: a charm of the tests\ndescription: a charm of the tests\n${metadata}`,
  );
  add("dispatch", prologue + dispatch, 0o100755);
  add("manifest.yaml", 'bases:\n- name: ubuntu\n  channel: "24.04"\n  architectures: [amd64, arm64]\n');
  if (config) add("config.yaml", config);
  if (actions) add("actions.yaml", actions);
  for (const [file, text] of Object.entries(files)) add(file, text);
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
  return path;
}
