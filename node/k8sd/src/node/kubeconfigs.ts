/**
 * Kubeconfigs, written as JSON (which is YAML). Those of components name certificate files, which clients reload when
 * they change; only admin.conf, which people copy elsewhere, carries its certificates in itself.
 */
import { join } from "node:path";
import { readIfExists, writeIfChanged } from "../base/files.ts";
import type { Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import type { KeyPair } from "../pki/certificates.ts";
import { requirePair } from "../pki/pairs.ts";

type Fields = Readonly<Record<string, string>>;

export function kubeconfig(cluster: Fields, user: Fields): string {
  const document = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "k8s", cluster }],
    users: [{ name: "k8s-user", user }],
    contexts: [{ name: "k8s", context: { cluster: "k8s", user: "k8s-user" } }],
    "current-context": "k8s",
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

const inBase64 = (text: string) => Buffer.from(text).toString("base64");

/** A kubeconfig that works anywhere. */
export function portableKubeconfig(server: string, authority: string, { certificate, key }: KeyPair): string {
  return kubeconfig(
    { server, "certificate-authority-data": inBase64(authority) },
    { "client-certificate-data": inBase64(certificate), "client-key-data": inBase64(key) },
  );
}

/** A kubeconfig of a component on this node; NAME is its pair in the PKI directory. */
export function localKubeconfig(paths: Paths, port: number, name: string): string {
  return kubeconfig(
    { server: `https://127.0.0.1:${port}`, "certificate-authority": join(paths.pki, "ca.crt") },
    { "client-certificate": join(paths.pki, `${name}.crt`), "client-key": join(paths.pki, `${name}.key`) },
  );
}

const WORKER_FILES = { "kubelet.conf": "kubelet-client", "proxy.conf": "kube-proxy-client" } as const;
const CONTROL_PLANE_FILES = {
  ...WORKER_FILES,
  "controller.conf": "kube-controller-manager-client",
  "scheduler.conf": "kube-scheduler-client",
} as const;
/** Which certificate each kubeconfig of a component names. */
export const KUBECONFIG_CERTIFICATES = {
  worker: WORKER_FILES,
  "control-plane": CONTROL_PLANE_FILES,
} as const;

/** Where the API server asks whose a token is. */
export const webhookFile = (paths: Paths) => join(paths.configurations, "auth-token-webhook.conf");

/** The daemon of this node answers, and only to those who show a certificate of its own authority. */
const webhookConfig = (paths: Paths, address: string): string =>
  kubeconfig(
    {
      server: `https://${address}:6400/1.0/kubernetes/auth/webhook`,
      "certificate-authority": join(paths.certificates, "ca.crt"),
    },
    {
      "client-certificate": join(paths.certificates, "server.crt"),
      "client-key": join(paths.certificates, "server.key"),
    },
  );

export async function writeKubeconfigs(
  paths: Paths,
  { role, address, settings }: Pick<Identity, "role" | "address" | "settings">,
): Promise<void> {
  const port = settings.securePort;
  for (const [file, name] of Object.entries(KUBECONFIG_CERTIFICATES[role]))
    await writeIfChanged(join(paths.kubernetes, file), localKubeconfig(paths, port, name));
  if (role === "control-plane") await writeIfChanged(webhookFile(paths), webhookConfig(paths, address));
  if (role === "control-plane")
    await writeIfChanged(
      join(paths.kubernetes, "admin.conf"),
      await adminKubeconfig(paths, `https://127.0.0.1:${port}`),
    );
}

export async function adminKubeconfig(paths: Paths, server: string): Promise<string> {
  const authority = (await readIfExists(join(paths.pki, "ca.crt"))) ?? "";
  return portableKubeconfig(server, authority, await requirePair(paths.pki, "admin-client"));
}
