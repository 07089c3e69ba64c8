/**
 * The command `k8s`: a thin client of k8sd's REST API. The program starts in main.ts.
 * Never changes a node by itself; all that it does, the daemon does.
 */
export { parseSetting, schemaOf } from "./commands/config.ts";
export { plainCertificates, residual } from "./commands/certificates.ts";
