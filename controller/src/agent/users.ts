/** Users of this machine, as /etc/passwd has them. */
import { existsSync, readFileSync } from "node:fs";

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** @returns undefined where there is no such user, or none with a home */
export function findUser(name: string, passwd = "/etc/passwd"): User | undefined {
  const line = readFileSync(passwd, "utf8")
    .split("\n")
    .find((l) => l.startsWith(`${name}:`));
  const [, , uid, gid, , home] = line?.split(":") ?? [];
  return home && uid && gid ? { name, uid: Number(uid), gid: Number(gid), home } : undefined;
}

/** How root runs a command as this user: with its groups, in its home, in the same process group. */
export function runAs(
  { name, uid, gid, home }: User,
  argv: readonly string[],
): { argv: [string, ...string[]]; cwd: string; env: Record<string, string> } {
  return {
    argv: ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--", ...argv],
    cwd: existsSync(home) ? home : "/",
    env: { HOME: home, USER: name, LOGNAME: name },
  };
}
