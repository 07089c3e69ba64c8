/** Rights that nodes need beyond what Kubernetes gives them, and the policy that keeps removed ones out. */
import type { KubeObject } from "../kube/client.ts";
import { adminGroup } from "../pki/admins.ts";
import type { RevokedRow } from "../cluster/store.ts";

type Manifest = KubeObject & Record<string, unknown>;
const RBAC = "rbac.authorization.k8s.io";
const LABELS = { "app.kubernetes.io/managed-by": "k8sd" };
const REVOKED = "k8sd-revoked-credentials";

function grant(name: string, group: string, rules: object[]): Manifest[] {
  const metadata = { name, labels: LABELS };
  return [
    { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata, rules },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name },
      subjects: [{ apiGroup: RBAC, kind: "Group", name: group }],
    },
  ];
}

/** All rights, for the administrators of one generation. */
export const adminRights = (generation: number): Manifest[] => [
  {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "k8sd:admins", labels: LABELS },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ apiGroup: RBAC, kind: "Group", name: adminGroup(generation) }],
  },
];

/** k8sd on workers follows Nodes; the local proxy, with the kubelet's credential, the API server's endpoints. */
export const nodeRights = (): Manifest[] => [
  ...grant("k8sd:nodes", "k8sd:nodes", [
    { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
  ]),
  ...grant("k8sd:apiserver-endpoints", "system:nodes", [
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
    { apiGroups: [""], resources: ["endpoints"], verbs: ["get", "list", "watch"] },
  ]),
];

/**
 * Certificates cannot be taken back, so every credential given at a join carries its id as a group, and this policy
 * refuses every write by an id that was revoked: a removed kubelet that still runs cannot register again, while a node
 * of the same name that joins anew can. What Kubernetes lets a kubelet read hangs on its Node and pods, which are gone.
 */
export const revocationPolicy = (): Manifest[] => {
  const metadata = { name: "k8sd-revoked-credentials", labels: LABELS };
  const prefix = "k8sd:credential:";
  const rule = { apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"], scope: "*" };
  return [
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata,
      spec: {
        failurePolicy: "Fail",
        paramKind: { apiVersion: "v1", kind: "ConfigMap" },
        matchConstraints: { resourceRules: [rule] },
        matchConditions: [
          {
            name: "issued-at-a-join",
            expression: `request.userInfo.groups.exists(g, g.startsWith('${prefix}'))`,
          },
        ],
        validations: [
          {
            expression: `!has(params.data) || !request.userInfo.groups.exists(g, g.startsWith('${prefix}') && g.substring(${prefix.length}) in params.data)`,
            message: "this node was removed from the cluster and its credential revoked; join it anew",
            reason: "Forbidden",
          },
        ],
      },
    },
    {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicyBinding",
      metadata,
      spec: {
        policyName: metadata.name,
        validationActions: ["Deny"],
        paramRef: { name: REVOKED, namespace: "kube-system", parameterNotFoundAction: "Allow" },
      },
    },
  ];
};

/** The list that the policy reads; our own record of it is in the cluster's etcd. */
export const revocationList = (rows: readonly RevokedRow[]): Manifest => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: REVOKED, namespace: "kube-system", labels: LABELS },
  data: Object.fromEntries(rows.map(({ credential, name, at }) => [credential, `${name} ${at}`])),
});
