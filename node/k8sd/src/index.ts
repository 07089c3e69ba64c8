/**
 * k8sd, the daemon of one node. The program starts in main.ts; the life of a node is in cluster/daemon.ts.
 * Other packages get its client from here. Never run by import: importing this starts nothing.
 */
export { K8sdClient, K8sdError, K8sdUnreachable, type CallOptions } from "./client.ts";
export { parseDocument } from "./cluster/documents.ts";
export { BadSnapshot } from "./cluster/snapshot-file.ts";
export { openClusterSnapshot, saveClusterSnapshot, type SnapshotDocument } from "./cluster/snapshot.ts";
export { checkNodeName, problemsOfBootstrap } from "./cluster/settings.ts";
export { decodeToken, type JoinToken } from "./cluster/tokens.ts";
export { loadIdentity, type Identity } from "./base/identity.ts";
export { pathsBelow, type Paths } from "./base/paths.ts";
export { servicesOfRole, unitOf, unitStates, type UnitState } from "./node/services.ts";
