/** Who may log in to the machine by ssh: written whole, only when it changes. */
import { chownSync, existsSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../files.ts";
import { findUser } from "./users.ts";

/** Does nothing where there is no such user. */
export function writeAuthorizedKeys(name: string, keys: readonly string[], passwd = "/etc/passwd"): void {
  const user = findUser(name, passwd);
  if (!user) return;
  const { uid, gid, home } = user;
  const directory = join(home, ".ssh");
  const path = join(directory, "authorized_keys");
  const text = keys.map((key) => `${key.trim()}\n`).join("");
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  // The user owns the directory: a link in its place must not lead root elsewhere.
  if (lstatSync(directory, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chownSync(directory, uid, gid);
  writeFileAtomic(path, text, { mode: 0o600 });
  chownSync(path, uid, gid);
}
