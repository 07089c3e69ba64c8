/**
 * A client of the Kubernetes API with exactly what this daemon needs. Our own and small, because the official one
 * costs 66 MB of resident memory, more than the whole daemon may use.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HttpsClient, Unreachable, type Call, type TlsMaterial } from "../base/https.ts";
import { linesOf } from "../base/lines.ts";
import type { Paths } from "../base/paths.ts";

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    resourceVersion?: string;
    uid?: string;
    deletionTimestamp?: string;
    ownerReferences?: { kind: string; controller?: boolean }[];
  };
}
export interface NodeObject extends KubeObject {
  spec: {
    podCIDR?: string;
    unschedulable?: boolean;
    taints?: { key: string; value?: string; effect: string }[];
  };
  status?: {
    conditions?: { type: string; status: string; message?: string }[];
    addresses?: { type: string; address: string }[];
    nodeInfo?: { kubeletVersion: string };
  };
}
export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T;
}

/** The API server answered, but not with what was asked for. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly code: number;

  constructor({ method, path }: Call, code: number, body: unknown) {
    const message =
      (body as { message?: string } | undefined)?.message ?? JSON.stringify(body)?.slice(0, 300);
    super(`Kubernetes API answered ${code} to ${method} ${path.split("?")[0]}: ${message}`);
    this.code = code;
  }
}

const FIELD_MANAGER = "k8sd";
const APPLY = "application/apply-patch+yaml";

export class KubeClient {
  readonly #https: HttpsClient;

  constructor(https: HttpsClient) {
    this.#https = https;
  }

  async request<T>(call: Call): Promise<T> {
    const { status, body } = await this.#https.call(call);
    if (status < 200 || status > 299) throw new KubeError(call, status, body);
    return body as T;
  }

  get = <T>(path: string, timeoutMs = 10_000): Promise<T> =>
    this.request<T>({ method: "GET", path, timeoutMs });

  /** The object, or undefined if there is none of that name. */
  async find<T>(path: string): Promise<T | undefined> {
    try {
      return await this.get<T>(path);
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return undefined;
      throw error;
    }
  }

  list = async <T>(path: string): Promise<T[]> => (await this.get<{ items: T[] }>(path)).items;

  /** Server-side apply: what we say holds, what others own stays. */
  apply(object: KubeObject & Record<string, unknown>): Promise<KubeObject> {
    const path = `${pathOf(object)}?fieldManager=${FIELD_MANAGER}&force=true`;
    return this.request({ method: "PATCH", path, body: object, contentType: APPLY });
  }

  mergePatch = (path: string, body: unknown): Promise<KubeObject> =>
    this.request({ method: "PATCH", path, body, contentType: "application/merge-patch+json" });

  create = <T>(path: string, body: unknown): Promise<T> => this.request<T>({ method: "POST", path, body });

  /** True if there was one to delete. */
  async delete(path: string, body?: unknown): Promise<boolean> {
    try {
      await this.request({ method: "DELETE", path, body: body ?? {} });
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return false;
      throw error;
    }
  }

  /** True as soon as the server speaks at all, even to say that it is not ready. */
  async answers(): Promise<boolean> {
    await this.#https.call({ method: "GET", path: "/livez", timeoutMs: 5_000 });
    return true;
  }

  async isReady(): Promise<boolean> {
    const { status } = await this.#https.call({ method: "GET", path: "/readyz", timeoutMs: 5_000 });
    return status === 200;
  }

  /**
   * One watch from a list's resource version until the server ends it (410: list again). Each event is handled before
   * the next is read.
   */
  async watch<T>(
    path: string,
    resourceVersion: string,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ) {
    const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=${resourceVersion}`;
    const call = { method: "GET", path: `${path}${path.includes("?") ? "&" : "?"}${query}`, signal };
    const response = await this.#https.open(call);
    if (response.statusCode !== 200) {
      response.resume();
      throw new KubeError(call, response.statusCode ?? 0, "watch refused");
    }
    // A server that vanished without a word would leave a silent connection: bookmarks come about once a minute.
    response.socket.setTimeout(150_000, () => response.destroy(new Error("watch went silent")));
    try {
      for await (const line of linesOf(response)) onEvent(JSON.parse(line) as WatchEvent<T>);
    } catch (error) {
      if (!signal.aborted) throw new Unreachable(`the watch of ${path}`, error);
    }
  }

  /** Shows the certificate that lies on disk now, from the next connection on. */
  async renew(paths: Paths, name: string): Promise<void> {
    this.#https.use(await kubeTls(paths, name));
  }

  close = (): void => this.#https.close();
}

const PLURALS: Readonly<Record<string, string>> = {
  ValidatingAdmissionPolicy: "validatingadmissionpolicies",
};
const CLUSTER_SCOPED =
  /^(Namespace|Node|ClusterRole|ClusterRoleBinding|ValidatingAdmissionPolicy(Binding)?|PriorityClass)$/;

/** Path of an object, by the rules of English plurals that Kubernetes kinds follow. */
export function pathOf({ apiVersion, kind, metadata }: KubeObject): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = PLURALS[kind] ?? `${kind.toLowerCase()}s`;
  const scope = CLUSTER_SCOPED.test(kind) ? "" : `/namespaces/${metadata.namespace ?? "default"}`;
  return `${root}${scope}/${plural}/${encodeURIComponent(metadata.name)}`;
}

/** A certificate of this node (`NAME.crt`, `NAME.key` in the PKI directory) with the API servers' authority. */
async function kubeTls(paths: Paths, name: string): Promise<TlsMaterial> {
  const [ca = "", cert = "", key = ""] = await Promise.all(
    ["ca.crt", `${name}.crt`, `${name}.key`].map((file) => readFile(join(paths.pki, file), "utf8")),
  );
  return { ca, cert, key };
}

export const kubeClient = async (paths: Paths, port: number, name: string): Promise<KubeClient> =>
  new KubeClient(new HttpsClient(`https://127.0.0.1:${port}`, await kubeTls(paths, name)));

export const isReady = (node: NodeObject): boolean =>
  node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
