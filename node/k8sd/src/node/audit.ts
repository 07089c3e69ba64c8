/** The API server's audit log: who did what, without the contents of Secrets and without the noise of a cluster's own clockwork. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeIfChanged } from "../base/files.ts";
import type { Paths } from "../base/paths.ts";
import type { Arguments } from "./arguments.ts";

const policyFile = (paths: Paths) => join(paths.configurations, "audit-policy.json");

const quiet = (rule: object) => ({ level: "None", ...rule });

export const auditPolicy = () => ({
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    quiet({ nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi*", "/metrics"] }),
    quiet({ resources: [{ group: "coordination.k8s.io", resources: ["leases"] }] }),
    quiet({
      resources: [
        { group: "", resources: ["events"] },
        { group: "events.k8s.io", resources: ["events"] },
      ],
    }),
    quiet({
      users: [
        "system:kube-controller-manager",
        "system:kube-scheduler",
        "system:kube-proxy",
        "system:apiserver",
      ],
      verbs: ["get", "list", "watch"],
    }),
    quiet({ userGroups: ["system:nodes", "k8sd:nodes"], verbs: ["get", "list", "watch"] }),
    quiet({
      userGroups: ["system:nodes"],
      verbs: ["update", "patch"],
      resources: [{ group: "", resources: ["nodes/status", "pods/status"] }],
    }),
    // Who and what, never the bodies: they may hold secrets, whatever their kind.
    { level: "Metadata" },
  ],
});

/** The log is a record that outlives the node's part in the cluster: leaving does not delete it. */
export async function prepareAudit(paths: Paths): Promise<void> {
  await mkdir(paths.auditLogs, { recursive: true, mode: 0o700 });
  await writeIfChanged(policyFile(paths), `${JSON.stringify(auditPolicy(), undefined, 2)}\n`);
}

/** At most 600 MB, and no older than a month. */
export const auditArguments = (paths: Paths): Arguments => ({
  "--audit-log-maxage": "30",
  "--audit-log-maxbackup": "5",
  "--audit-log-maxsize": "100",
  "--audit-log-mode": "batch",
  "--audit-log-path": join(paths.auditLogs, "audit.log"),
  "--audit-policy-file": policyFile(paths),
});
