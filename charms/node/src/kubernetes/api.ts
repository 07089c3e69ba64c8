/** The own Node in the Kubernetes API, read and labelled with the node's own credentials. */
import { readKubeconfig, type Credentials } from "./kubeconfig.ts";

export interface KubernetesNode {
  readonly ready: boolean;
  /** Message of the Ready condition, for people. */
  readonly message: string;
  /** As the kubelet says, `v1.36.3`. */
  readonly kubeletVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
/** `null` deletes. */
export interface NodePatch {
  readonly labels: Readonly<Record<string, string | null>>;
  readonly annotations: Readonly<Record<string, string | null>>;
}

export interface NodeApi {
  /** Undefined when the API has no such node. @throws ApiUnavailable, ApiRefused */
  node(name: string): Promise<KubernetesNode | undefined>;
  patchNode(name: string, patch: NodePatch): Promise<void>;
}

/** No answer from the API server: nothing follows about the node. */
export class ApiUnavailable extends Error {
  override readonly name = "ApiUnavailable";
}
/** The API server answered with an error. */
export class ApiRefused extends Error {
  override readonly name = "ApiRefused";
  readonly code: number;
  readonly reason: string;

  constructor(attempt: string, code: number, reason: string) {
    super(`Cannot ${attempt}: the API server answered ${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

const TIMEOUT_MS = 10_000;

export class KubeconfigApi implements NodeApi {
  readonly #kubeconfig: string;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  async node(name: string): Promise<KubernetesNode | undefined> {
    const attempt = `read node ${name}`;
    const { code, body } = await this.#send(attempt, "GET", path(name));
    if (code === 404) return undefined;
    return nodeOf(expect(attempt, code, body));
  }

  async patchNode(name: string, patch: NodePatch): Promise<void> {
    const attempt = `label node ${name}`;
    const { code, body } = await this.#send(attempt, "PATCH", path(name), { metadata: patch });
    expect(attempt, code, body);
  }

  async #send(
    attempt: string,
    method: string,
    at: string,
    patch?: unknown,
  ): Promise<{ code: number; body: string }> {
    try {
      return await send(await readKubeconfig(this.#kubeconfig), method, at, patch);
    } catch (error) {
      throw new ApiUnavailable(`Cannot ${attempt}: ${(error as Error).message}`, { cause: error });
    }
  }
}

const path = (name: string) => `/api/v1/nodes/${encodeURIComponent(name)}`;

async function send({ server, ...tls }: Credentials, method: string, at: string, patch?: unknown) {
  // Loaded here: most hooks of a unit that has not joined never need it.
  const { request } = await import("node:https");
  const body = patch === undefined ? undefined : JSON.stringify(patch);
  return new Promise<{ code: number; body: string }>((resolve, reject) => {
    const outgoing = request(new URL(at, server), {
      ...tls,
      method,
      agent: false,
      headers: body ? { "content-type": "application/merge-patch+json" } : {},
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => (text += chunk));
      incoming.on("error", reject);
      incoming.on("end", () => resolve({ code: incoming.statusCode ?? 0, body: text }));
    });
    outgoing.end(body);
  });
}

function expect(attempt: string, code: number, body: string): unknown {
  const parsed = json(body);
  if (code >= 200 && code < 300 && parsed !== undefined) return parsed;
  const { message } = (parsed ?? {}) as { message?: unknown };
  throw new ApiRefused(attempt, code, typeof message === "string" ? message : body.slice(0, 200));
}

interface RawNode {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  status?: {
    conditions?: { type?: string; status?: string; message?: string }[];
    nodeInfo?: { kubeletVersion?: string };
  };
}

function nodeOf(raw: unknown): KubernetesNode {
  const { metadata, status } = raw as RawNode;
  const condition = status?.conditions?.find(({ type }) => type === "Ready");
  return {
    ready: condition?.status === "True",
    message: condition?.message ?? "",
    kubeletVersion: status?.nodeInfo?.kubeletVersion ?? "",
    labels: metadata?.labels ?? {},
    annotations: metadata?.annotations ?? {},
  };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
