/** Reading secrets. */
import { isSecretId } from "@cantrip/metadata";
import type { SecretChange } from "../hook-changes.ts";
import type { SecretView } from "../hook-view.ts";
import { own } from "../records.ts";
import { bareId } from "../view/secrets.ts";
import { valueOf } from "./secret-content.ts";
import { RawText, ToolFailure, misuse } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

export type AddChange = Extract<SecretChange, { kind: "add" }>;
type SetChange = Extract<SecretChange, { kind: "set" }>;

export const secretTools: Tools = {
  "secret-get": {
    usage: "[options] <ID> [key[#base64]]",
    purpose: "get the content of a secret",
    flags: { label: "text", peek: "boolean", refresh: "boolean" },
    format: "yaml",
    most: 2,
    run: secretGet,
  },
  "secret-info-get": {
    usage: "[options] <ID>",
    purpose: "get what is known of a secret that this unit owns",
    flags: { label: "text" },
    format: "yaml",
    most: 1,
    run: secretInfo,
  },
  "secret-ids": {
    usage: "[options]",
    purpose: "list the secrets that this unit owns",
    format: "smart",
    most: 0,
    run: (call) => [...Object.keys(call.view.ownSecrets), ...pendingAdds(call).map(({ id }) => id)].sort(),
  },
};

export const pendingAdds = ({ buffer }: Call): AddChange[] =>
  buffer.changes.secrets.filter((change) => change.kind === "add");

/** @throws ToolFailure (exit 2) */
export function parseId(text: string | undefined): string {
  if (text === undefined || text === "") throw misuse("missing secret URI");
  try {
    return bareId(text);
  } catch (error) {
    throw misuse((error as Error).message);
  }
}

async function secretGet(call: Call): Promise<unknown> {
  const { text, isSet } = call;
  const label = text("label");
  const { id, key } = idAndKey(call.args, label !== undefined);
  if (id === undefined && label === undefined) throw misuse("require either a secret URI or label");
  if (isSet("peek") && isSet("refresh")) throw misuse("specify one of --peek or --refresh but not both");
  const content = pendingContent(call, id, label) ?? (await storedContent(call, id, label));
  if (key === undefined || key === "") return content;
  const value = valueOf(content, key);
  // One value is for a shell to read: as it is, without YAML's quotes.
  return call.format === "json" ? value : new RawText(`${value}\n`);
}

/** With a label, the only argument may be a key. */
function idAndKey([first, second]: readonly string[], hasLabel: boolean): { id?: string; key?: string } {
  if (first === undefined || first === "") return second === undefined ? {} : { key: second };
  const isKey =
    hasLabel && second === undefined && !isSecretId(first.replace(/^secret:(?:\/\/[^/]*\/)?/, ""));
  if (isKey) return { key: first };
  return { id: parseId(first), ...(second === undefined ? {} : { key: second }) };
}

/** A secret that this hook has made is read from its buffer; what it has changed, with --peek and --refresh only. */
function pendingContent(call: Call, id: string | undefined, label: string | undefined) {
  const { changes } = call.buffer;
  const added = pendingAdds(call).find((change) =>
    id === undefined ? change.label === label : change.id === id,
  );
  if (added) return added.content ?? {};
  if (!call.isSet("peek") && !call.isSet("refresh")) return undefined;
  const ownId = id ?? Object.values(call.view.ownSecrets).find((secret) => secret.label === label)?.id;
  const updated = changes.secrets.find(
    (change): change is SetChange =>
      change.kind === "set" && change.id === ownId && change.content !== undefined,
  );
  return updated?.content;
}

async function storedContent(call: Call, id: string | undefined, label: string | undefined) {
  const { effects, view, isSet, buffer } = call;
  const isTracked = buffer.changes.secrets.some((change) => change.kind === "track" && change.id === id);
  const wanted = isSet("peek") ? "peek" : isSet("refresh") ? "refresh" : "tracked";
  // A refresh of this hook is not committed yet, but later reads see it.
  const mode = wanted === "tracked" && isTracked ? "refresh" : wanted;
  const newLabel = id !== undefined && label !== undefined ? label : undefined;
  const answer = await effects.secretContent({
    ...(id === undefined ? { label: label ?? "" } : { id }),
    mode,
    ...(newLabel === undefined ? {} : { newLabel }),
  });
  if (Object.hasOwn(view.ownSecrets, answer.id)) labelOwn(call, answer.id, newLabel);
  else trackConsumed(call, answer.id, answer.revision, mode === "peek", newLabel);
  return answer.content;
}

/** An owner that gives a label names the secret itself. */
function labelOwn({ view, buffer }: Call, id: string, label: string | undefined): void {
  if (label === undefined || own(view.ownSecrets, id)?.label === label) return;
  buffer.changes.secrets.push({ kind: "set", id, label });
}

/** The first read and each refresh move what this unit tracks; a peek does not. */
function trackConsumed(
  call: Call,
  id: string,
  revision: number,
  isPeek: boolean,
  label: string | undefined,
): void {
  const { changes } = call.buffer;
  const known = own(call.view.consumedSecrets, id);
  const earlier = changes.secrets.find((change) => change.kind === "track" && change.id === id);
  const tracked = earlier?.kind === "track" ? earlier.revision : known?.tracked;
  const next = isPeek ? (tracked ?? revision) : revision;
  const isSameLabel = label === undefined || label === known?.label;
  if ((isPeek && label === undefined) || (tracked === next && isSameLabel)) return;
  const kept = label ?? (earlier?.kind === "track" ? earlier.label : undefined);
  changes.secrets = changes.secrets.filter((change) => change !== earlier);
  changes.secrets.push({ kind: "track", id, revision: next, ...(kept === undefined ? {} : { label: kept }) });
}

function secretInfo(call: Call): unknown {
  const label = call.text("label");
  const [given] = call.args;
  if (given === undefined && label === undefined) throw misuse("require either a secret URI or label");
  const id = given === undefined ? undefined : parseId(given);
  const views = [...Object.values(call.view.ownSecrets), ...pendingAdds(call).map(asView)];
  const found = views.find((view) => (id === undefined ? view.label === label : view.id === id));
  if (!found) throw new ToolFailure(`secret ${JSON.stringify(id ?? label)} not found`);
  return { [found.id]: infoOf(found) };
}

const asView = ({ id, owner, label, description, rotate, expiresAt }: AddChange): SecretView => ({
  id,
  owner,
  ...(label === undefined ? {} : { label }),
  ...(description === undefined ? {} : { description }),
  ...(rotate === undefined ? {} : { rotate }),
  ...(expiresAt === undefined ? {} : { expiresAt }),
  latest: 1,
  revisions: [1],
  grants: [],
});

function infoOf({ latest, label, owner, description, rotate, expiresAt, nextRotation, grants }: SecretView) {
  return {
    revision: latest,
    label: label ?? "",
    owner,
    rotation: rotate ?? "never",
    ...(description === undefined ? {} : { description }),
    ...(expiresAt === undefined ? {} : { expiry: timeText(expiresAt) }),
    ...(nextRotation === undefined ? {} : { rotates: timeText(nextRotation) }),
    ...(grants.length === 0 ? {} : { access: grants.map((grant) => ({ ...grant, role: "view" })) }),
  };
}

/** RFC 3339, whole seconds. */
const timeText = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
