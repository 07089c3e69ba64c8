/** The node as k8sd's REST API on the unix socket shows it, in Canonical's wire format. */
import {
  CONTROL_SOCKET,
  ENDPOINTS,
  NODE_IN_USE,
  isNotInitialized,
  nanoseconds,
} from "@cantrip/metadata/k8sd";
import type {
  ClusterStatus,
  EndpointName,
  GetClusterConfigResponse,
  GetNodeStatusResponse,
  Responses,
  UserFacingClusterConfig,
} from "@cantrip/metadata/k8sd";
import {
  NodeRefused,
  type BootstrapOrder,
  type JoinOrder,
  type NodeIdentity,
  type NodeService,
  type RemoveOrder,
  type TokenOrder,
} from "../service.ts";
import { call, type Answer } from "./transport.ts";

export interface K8sdOptions {
  readonly socketPath?: string;
  /** For calls that only read or record. */
  readonly timeoutMs?: number;
  readonly bootstrapTimeoutMs?: number;
  readonly joinTimeoutMs?: number;
  readonly removeTimeoutMs?: number;
  /** Tokens are short-lived; one that expired is reported by its unit and made anew. */
  readonly tokenLifetimeMs?: number;
}

/** What a call is for, its body, and its bound where that is not the usual one. */
interface Request {
  readonly attempt: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

const HOUR = 3_600_000;
/** Past the bound that k8sd is given itself, so that its own error arrives rather than our timeout. */
const GRACE_MS = 15_000;

export class K8sdClient implements NodeService {
  readonly #options: Required<K8sdOptions>;

  constructor(options: K8sdOptions = {}) {
    this.#options = {
      socketPath: CONTROL_SOCKET,
      timeoutMs: 20_000,
      bootstrapTimeoutMs: 180_000,
      joinTimeoutMs: 120_000,
      removeTimeoutMs: 90_000,
      tokenLifetimeMs: HOUR,
      ...options,
    };
  }

  async identity(): Promise<NodeIdentity> {
    const attempt = "ask k8sd what this node is";
    const answer = await this.#send("getNodeStatus", { attempt });
    if (isNotInitialized(answer.code, answer.error)) return { kind: "none" };
    const { status } = successOf(attempt, answer) as GetNodeStatusResponse;
    return { kind: "member", name: status.name, role: status["cluster-role"], address: status.address };
  }

  async clusterStatus(): Promise<ClusterStatus> {
    return (await this.#expect("getClusterStatus", { attempt: "read the status of the cluster" })).status;
  }

  config(): Promise<GetClusterConfigResponse> {
    return this.#expect("getClusterConfig", { attempt: "read the configuration of the cluster" });
  }

  async setConfig(config: UserFacingClusterConfig): Promise<void> {
    const attempt = "change the configuration of the cluster";
    await this.#expect("setClusterConfig", { attempt, body: { config } });
  }

  async bootstrap({ name, address, config }: BootstrapOrder): Promise<void> {
    const bound = this.#options.bootstrapTimeoutMs;
    const body = { name, address, config, timeout: nanoseconds(bound) };
    const attempt = `bootstrap a cluster on ${name}`;
    await this.#expect("bootstrap", { attempt, body, timeoutMs: bound + GRACE_MS });
  }

  async join({ name, address, token, config }: JoinOrder): Promise<void> {
    const bound = this.#options.joinTimeoutMs;
    const attempt = `join the cluster as ${name}`;
    const body = { name, address, token, config: JSON.stringify(config), timeout: nanoseconds(bound) };
    const answer = await this.#send("join", { attempt, body, timeoutMs: bound + GRACE_MS });
    if (answer.code !== NODE_IN_USE) successOf(attempt, answer);
  }

  async createToken({ name, worker }: TokenOrder): Promise<string> {
    const body = { name, worker, ttl: nanoseconds(this.#options.tokenLifetimeMs) };
    const attempt = `create a join token for ${name}`;
    return (await this.#expect("createToken", { attempt, body })).token;
  }

  async removeNode({ name, force }: RemoveOrder): Promise<void> {
    const bound = this.#options.removeTimeoutMs;
    const body = { name, force, timeout: nanoseconds(bound) };
    const attempt = `remove node ${name} from the cluster`;
    await this.#expect("remove", { attempt, body, timeoutMs: bound + GRACE_MS });
  }

  async kubeconfig(server = ""): Promise<string> {
    const attempt = "get a kubeconfig";
    return (await this.#expect("getKubeconfig", { attempt, body: { server } })).kubeconfig;
  }

  async #expect<E extends EndpointName>(endpoint: E, request: Request): Promise<Responses[E]> {
    return successOf(request.attempt, await this.#send(endpoint, request)) as Responses[E];
  }

  #send(endpoint: EndpointName, request: Request): Promise<Answer> {
    const { method, path } = ENDPOINTS[endpoint];
    const { socketPath, timeoutMs } = this.#options;
    return call(socketPath, { timeoutMs, ...request, method, path });
  }
}

/** The metadata of a success: that it has the type of its endpoint is k8sd's contract. */
function successOf(attempt: string, { code, error, metadata }: Answer): unknown {
  if (code !== 200) throw new NodeRefused(attempt, code, error);
  return metadata;
}
