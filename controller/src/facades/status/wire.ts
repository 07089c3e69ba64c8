/** The shapes of Client.FullStatus (juju-api.md 7), for the facade that makes them and the command that shows them. */
export interface DetailedStatus {
  status: string;
  info: string;
  data: Record<string, unknown>;
  since: string | null;
  kind: string;
  version: string;
  life: string;
}

export interface WireBase {
  name: string;
  channel: string;
}

export interface NetworkInterface {
  "ip-addresses": string[];
  "mac-address": string;
  "is-up": boolean;
  space: string;
}

export interface MachineStatus {
  "agent-status": DetailedStatus;
  "instance-status": DetailedStatus;
  "modification-status": DetailedStatus;
  hostname: string;
  "dns-name": string;
  "ip-addresses": string[];
  "instance-id": string;
  "display-name": string;
  base: WireBase;
  id: string;
  "network-interfaces": Record<string, NetworkInterface>;
  containers: Record<string, MachineStatus>;
  constraints: string;
  hardware: string;
  jobs: string[];
  "has-vote": boolean;
  "wants-vote": boolean;
}

export interface UnitStatus {
  "agent-status": DetailedStatus;
  "workload-status": DetailedStatus;
  "workload-version": string;
  machine: string;
  "opened-ports": string[];
  "public-address": string;
  charm: string;
  subordinates: Record<string, UnitStatus>;
  leader?: true;
}

export interface ApplicationStatus {
  charm: string;
  "charm-version": string;
  "charm-profile": string;
  "charm-channel": string;
  "charm-rev": number;
  base: WireBase;
  exposed: boolean;
  life: string;
  relations: Record<string, string[]>;
  "can-upgrade-to": string;
  "subordinate-to": string[];
  units: Record<string, UnitStatus> | null;
  "meter-statuses": null;
  status: DetailedStatus;
  "workload-version": string;
  "endpoint-bindings": Record<string, string>;
  "public-address": string;
}

export interface RelationStatus {
  id: number;
  key: string;
  interface: string;
  scope: string;
  endpoints: { application: string; name: string; role: string; subordinate: boolean }[];
  status: DetailedStatus;
}

export interface FullStatus {
  model: {
    name: string;
    type: string;
    "cloud-tag": string;
    region: string;
    version: string;
    "available-version": string;
    "model-status": DetailedStatus;
    "meter-status": { color: string; message: string };
    sla: string;
  };
  machines: Record<string, MachineStatus>;
  applications: Record<string, ApplicationStatus>;
  "remote-applications": Record<string, never>;
  offers: Record<string, never>;
  relations: RelationStatus[];
  "controller-timestamp": string;
  branches: Record<string, never>;
  storage: never[];
  filesystems: never[];
  volumes: never[];
}
