/** What the controller is, in `controller.json` of its state directory (0600): read by its own next start and by `up`. */
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "./files.ts";

export interface Identity {
  readonly uuid: string;
  readonly name: string;
  /** seals the keys of secrets */
  readonly secretKey: string;
  /** first password of user-admin */
  readonly adminPassword: string;
  /** `host:port`, while the controller runs or as it last did */
  readonly addresses: readonly string[];
  /** PEM */
  readonly caCert: string;
}

export function loadIdentity(directory: string, name: string): Identity {
  const path = identityPath(directory);
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as Identity;
  const identity: Identity = {
    uuid: randomUUID(),
    name,
    secretKey: randomBytes(32).toString("base64"),
    adminPassword: randomBytes(18).toString("base64url"),
    addresses: [],
    caCert: "",
  };
  return saveIdentity(directory, identity);
}

export function saveIdentity(directory: string, identity: Identity): Identity {
  writeFileAtomic(identityPath(directory), `${JSON.stringify(identity, undefined, 2)}\n`, { mode: 0o600 });
  return identity;
}

export function identityPath(directory: string): string {
  return join(directory, "controller.json");
}
