/** Expiry of every certificate of this node, etcd's too. */
import { join } from "node:path";
import type { CertificatesStatusResponse } from "@cantrip/metadata/k8sd";
import { readIfExists } from "../base/files.ts";
import type { Role } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { factsOf } from "./certificates.ts";

/** Names of the API, and the files behind them. */
const WORKER = {
  kubelet: "kubelet",
  "kubelet.conf": "kubelet-client",
  "proxy.conf": "kube-proxy-client",
  "k8sd-node-client": "k8sd-node-client",
};
const CONTROL_PLANE = {
  apiserver: "apiserver",
  "apiserver-kubelet-client": "apiserver-kubelet-client",
  "front-proxy-client": "front-proxy-client",
  kubelet: "kubelet",
  "admin.conf": "admin-client",
  "controller.conf": "kube-controller-manager-client",
  "kubelet.conf": "kubelet-client",
  "proxy.conf": "kube-proxy-client",
  "scheduler.conf": "kube-scheduler-client",
  "k8sd-client": "k8sd-client",
  "etcd-server": "etcd/server",
  "etcd-peer": "etcd/peer",
  "apiserver-etcd-client": "apiserver-etcd-client",
  "k8sd-etcd-client": "k8sd-etcd-client",
};
const AUTHORITIES = {
  "kubernetes-ca": "ca",
  "kubernetes-ca-client": "client-ca",
  "front-proxy-ca": "front-proxy-ca",
  "etcd-ca": "etcd/ca",
};

const inSeconds = (date: Date) => date.toISOString().replace(/\.\d+Z$/, "Z");

export async function certificatesStatus(paths: Paths, role: Role): Promise<CertificatesStatusResponse> {
  const external = role === "worker";
  const leaf = async ([name, file]: [string, string]) => {
    const { expires, issuer } = factsOf(await read(join(paths.pki, `${file}.crt`)));
    return {
      name,
      expires: inSeconds(expires),
      "certificate-authority": issuer,
      "externally-managed": external,
    };
  };
  const authority = async ([name, file]: [string, string]) => {
    const { expires } = factsOf(await read(join(paths.pki, `${file}.crt`)));
    return {
      name,
      expires: inSeconds(expires),
      "externally-managed": (await readIfExists(join(paths.pki, `${file}.key`))) === undefined,
    };
  };
  return {
    certificates: await Promise.all(Object.entries(external ? WORKER : CONTROL_PLANE).map(leaf)),
    "certificate-authorities": external ? [] : await Promise.all(Object.entries(AUTHORITIES).map(authority)),
  };
}

async function read(path: string): Promise<string> {
  const text = await readIfExists(path);
  if (text === undefined) throw new Error(`Cannot read ${path}: expected this node's certificate there`);
  return text;
}
