/**
 * The model controller: log and store, Juju's API, machines for units, their agents and hook tools.
 * Start at main.ts (the daemon) and models.ts (what its parts say to each other).
 * Never knows what a charm does: nothing here is about Kubernetes.
 */
export type * from "./models.ts";
export { ApiError, defineFacade, lenient, lenientList } from "./facade.ts";
export type { Connection, ConnectionResource, FacadeDefinition, FacadeMethod, Params } from "./facade.ts";
export { openController, type ControllerOptions, type OpenController } from "./controller.ts";
export { buildAgentDirectory, type AgentDirectoryOptions } from "./agent-bundle.ts";
export type { MachinesConfig } from "./provision/config.ts";
export { identityPath, type Identity } from "./identity.ts";
