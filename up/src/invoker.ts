/** Who asked: under sudo the client files and the kubeconfig belong to the person, not to root. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Invoker {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export function invoker(
  env: NodeJS.ProcessEnv = process.env,
  passwd: () => string = () => readFileSync("/etc/passwd", "utf8"),
): Invoker {
  const uid = Number(env["SUDO_UID"] ?? process.getuid?.() ?? 0);
  const gid = Number(env["SUDO_GID"] ?? process.getgid?.() ?? 0);
  const entry = passwd()
    .split("\n")
    .map((line) => line.split(":"))
    .find((fields) => Number(fields[2]) === uid && fields.length >= 7);
  const home = entry?.[5] ?? env["HOME"] ?? "/root";
  return { name: entry?.[0] ?? env["SUDO_USER"] ?? "root", uid, gid, home };
}

/** Where the kubeconfig goes: a file of its own in the person's .kube, never into an existing configuration. */
export const kubeconfigPath = (
  person: Invoker,
  model: string,
  env: NodeJS.ProcessEnv = process.env,
): string => env["CANTRIP_KUBECONFIG"] || join(person.home, ".kube", `cantrip-${model}`);
