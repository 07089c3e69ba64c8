/** The facts of a kubeconfig with one cluster and one user, as k8sd and the kubelet write it: files by name, or embedded. */
import { readFile } from "node:fs/promises";

export interface Credentials {
  readonly server: string;
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** @throws Error that names the file and what it lacks */
export async function readKubeconfig(path: string): Promise<Credentials> {
  const text = await readFile(path, "utf8");
  const server = field(text, "server");
  if (!server) throw new Error(`Cannot use kubeconfig ${path}: it names no server`);
  const [ca, cert, key] = await Promise.all(
    ["certificate-authority", "client-certificate", "client-key"].map((name) => pem(path, text, name)),
  );
  return { server, ca: ca!, cert: cert!, key: key! };
}

async function pem(path: string, text: string, name: string): Promise<Buffer> {
  const embedded = field(text, `${name}-data`);
  if (embedded) return Buffer.from(embedded, "base64");
  const file = field(text, name);
  if (!file) throw new Error(`Cannot use kubeconfig ${path}: it has neither ${name} nor ${name}-data`);
  return readFile(file);
}

function field(text: string, name: string): string | undefined {
  const value = new RegExp(`^[ -]*"?${name}"?:[ ]*(.+?),?$`, "mu").exec(text)?.[1]?.trim();
  return value?.replace(/^(["'])(.*)\1$/u, "$2") || undefined;
}
