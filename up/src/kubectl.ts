/** `cantrip kubectl …`: the pinned kubectl from the cache, with the kubeconfig that `up` wrote. Needs no root. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface KubectlPlace {
  readonly binary: string;
  readonly kubeconfig: string;
}

/** Written by `up` beside the client files. */
export const clusterFile = (clientDir: string): string => join(clientDir, "cluster.json");

/** @throws Error that says to run `cantrip up` */
export function findKubectl(clientDir: string): KubectlPlace {
  const file = clusterFile(clientDir);
  if (!existsSync(file)) throw new Error(`No cluster is known in ${clientDir}: run "sudo cantrip up" first`);
  const { kubectl, kubeconfig } = JSON.parse(readFileSync(file, "utf8")) as {
    kubectl: string;
    kubeconfig: string;
  };
  if (!existsSync(kubectl))
    throw new Error(`${kubectl} is gone from the cache: run "sudo cantrip up" to make it again`);
  return { binary: kubectl, kubeconfig };
}

/** Runs kubectl in the foreground and returns its exit code. */
export function runKubectl({ binary, kubeconfig }: KubectlPlace, argv: readonly string[]): Promise<number> {
  return new Promise((done, fail) => {
    const env = { ...process.env, KUBECONFIG: process.env["KUBECONFIG"] || kubeconfig };
    const child = spawn(binary, argv, { stdio: "inherit", env });
    // The terminal sends signals to the whole group; kubectl decides what they mean.
    process.on("SIGINT", () => undefined);
    child.on("error", fail);
    child.on("exit", (code, signal) => done(code ?? (signal === "SIGINT" ? 130 : 1)));
  });
}
