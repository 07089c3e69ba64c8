/** Making, changing, granting and removing secrets: all of it with the hook's commit. */
import { parseDuration } from "../durations.ts";
import { own } from "../records.ts";
import { isLeader } from "./leadership.ts";
import { chosenRelation } from "./relations.ts";
import { contentFrom } from "./secret-content.ts";
import { parseId, pendingAdds } from "./secrets.ts";
import { ToolFailure, misuse } from "./tool.ts";
import type { Call, Tools } from "./tool.ts";

const policies = new Set(["never", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly"]);
const metadataFlags = {
  label: "text",
  description: "text",
  expire: "text",
  rotate: "text",
  file: "text",
  owner: "text",
} as const;
const relationFlag = { r: "text", relation: { alias: "r" } } as const;

export const secretWritingTools: Tools = {
  "secret-add": {
    usage: "[options] [key[#base64|#file]=value...]",
    purpose: "add a secret",
    flags: metadataFlags,
    run: secretAdd,
  },
  "secret-set": {
    usage: "[options] <ID> [key[#base64|#file]=value...]",
    purpose: "change a secret",
    flags: metadataFlags,
    run: secretSet,
  },
  "secret-grant": {
    usage: "[options] <ID>",
    purpose: "let the other side of a relation read a secret",
    flags: { ...relationFlag, unit: "text" },
    most: 1,
    run: secretGrant,
  },
  "secret-revoke": {
    usage: "[options] <ID>",
    purpose: "take back what was granted",
    flags: { ...relationFlag, unit: "text", app: "text", application: { alias: "app" } },
    most: 1,
    run: secretRevoke,
  },
  "secret-remove": {
    usage: "[options] <ID>",
    purpose: "remove a secret or one of its revisions",
    flags: { revision: "text" },
    most: 1,
    run: secretRemove,
  },
};

interface Details {
  label?: string;
  description?: string;
  rotate?: string;
  expiresAt?: number;
}

function detailsOf({ text, effects }: Call): Details {
  const [label, description, rotate, expire] = [
    text("label"),
    text("description"),
    text("rotate"),
    text("expire"),
  ];
  if (rotate !== undefined && !policies.has(rotate))
    throw misuse(`rotate policy ${JSON.stringify(rotate)} not valid`);
  return {
    ...(label === undefined ? {} : { label }),
    ...(description === undefined ? {} : { description }),
    ...(rotate === undefined ? {} : { rotate }),
    ...(expire === undefined || expire === "" ? {} : { expiresAt: expiryOf(expire, effects.now()) }),
  };
}

function expiryOf(text: string, now: number): number {
  const duration = parseDuration(text);
  const isDate = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?$/.test(text);
  const date = Date.parse(/(?:Z|[+-]\d{2}:\d{2})$/.test(text) ? text : `${text}Z`);
  if (duration === undefined && (!isDate || Number.isNaN(date)))
    throw misuse(`expire time or duration ${JSON.stringify(text)} not valid`);
  const at = duration === undefined ? date : now + duration;
  if (at <= now) throw misuse(`expire time ${JSON.stringify(text)} must be in the future`);
  return Math.round(at);
}

function ownerOf({ text }: Call): "application" | "unit" {
  const owner = text("owner") ?? "application";
  if (owner === "application" || owner === "unit") return owner;
  throw misuse(`secret owner ${JSON.stringify(owner)} not valid`);
}

async function secretAdd(call: Call): Promise<string> {
  const owner = ownerOf(call);
  const details = detailsOf(call);
  const content = await contentFrom(call, call.args);
  if (content === undefined || Object.keys(content).length === 0)
    throw misuse("missing secret value or filename");
  if (owner === "application" && !(await isLeader(call)))
    throw new ToolFailure("this unit is not the leader");
  refuseLabel(call, owner, details.label);
  const id = call.effects.newSecretId();
  call.buffer.changes.secrets.push({ kind: "add", id, owner, ...details, content });
  return `secret:${id}`;
}

function refuseLabel(call: Call, owner: string, label: string | undefined): void {
  if (label === undefined || label === "") return;
  const known = [...Object.values(call.view.ownSecrets), ...pendingAdds(call)];
  if (known.some((secret) => secret.label === label && secret.owner === owner))
    throw new ToolFailure(`secret with label ${JSON.stringify(label)} already exists`);
}

/** Several changes of one secret are one; of a secret that this hook makes, they are part of it. */
async function secretSet(call: Call): Promise<void> {
  const [given, ...pairs] = call.args;
  const id = parseId(given);
  const details = detailsOf(call);
  const content = await contentFrom(call, pairs);
  const update = { ...details, ...(content === undefined ? {} : { content }) };
  const { changes } = call.buffer;
  const index = changes.secrets.findIndex(
    (change) => (change.kind === "add" || change.kind === "set") && change.id === id,
  );
  const known = changes.secrets[index];
  if (known) changes.secrets[index] = { ...known, ...update };
  else if (Object.keys(update).length > 0) changes.secrets.push({ kind: "set", id, ...update });
}

/** @throws ToolFailure unless the unit manages the secret, or makes it in this hook */
function managedId(call: Call): string {
  const id = parseId(call.args[0]);
  const isPending = pendingAdds(call).some((change) => change.id === id);
  if (!isPending && !own(call.view.ownSecrets, id))
    throw new ToolFailure(`secret ${JSON.stringify(id)} not found`);
  return id;
}

function secretGrant(call: Call): void {
  const { id: relation } = relationOf(call);
  const id = managedId(call);
  const unit = call.text("unit");
  call.buffer.changes.secrets.push({ kind: "grant", id, relation, ...(unit === undefined ? {} : { unit }) });
}

function relationOf(call: Call) {
  if (call.text("r") === undefined && call.view.hook?.relationId === undefined)
    throw misuse("missing relation id");
  return chosenRelation(call);
}

function secretRevoke(call: Call): void {
  const [unit, application] = [call.text("unit"), call.text("app")];
  const hasRelation = call.text("r") !== undefined;
  if (!hasRelation && unit === undefined && application === undefined)
    throw misuse("missing relation, application or unit");
  const id = managedId(call);
  call.buffer.changes.secrets.push({
    kind: "revoke",
    id,
    ...(hasRelation ? { relation: chosenRelation(call).id } : {}),
    ...(application === undefined ? {} : { application }),
    ...(unit === undefined ? {} : { unit }),
  });
}

function secretRemove(call: Call): void {
  const text = call.text("revision");
  const revision = text === undefined ? undefined : Number(text);
  if (revision !== undefined && !(Number.isSafeInteger(revision) && revision > 0))
    throw misuse(`invalid value ${JSON.stringify(text)} for option --revision: expected a positive number`);
  const id = managedId(call);
  const { changes } = call.buffer;
  const isPending = pendingAdds(call).some((change) => change.id === id);
  // What this hook has made and takes back has never been.
  if (isPending) changes.secrets = changes.secrets.filter((change) => change.id !== id);
  else changes.secrets.push({ kind: "remove", id, ...(revision === undefined ? {} : { revision }) });
}
