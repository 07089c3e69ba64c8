/**
 * What the rest of the controller (facades, HTTP routes, provisioner) may do with models. Types only: the implementations
 * live in `live/` and `store/`, put together in `controller.ts`.
 */
import type { Readable } from "node:stream";
import type {
  Charm,
  ModelEvent,
  ModelState,
  RecordedEvent,
  Request,
  Resource,
  Source,
  StatusEntry,
  StatusKind,
} from "@cantrip/model";

export interface LoggedEvent extends RecordedEvent {
  /** counts per controller, without gaps within one command */
  readonly seq: number;
}

export interface LiveModel {
  readonly uuid: string;
  readonly name: string;
  /** Never to be changed by a caller. */
  readonly state: Readonly<ModelState>;
  /** seq of the last event applied */
  readonly version: number;
  /**
   * Decides, appends in one transaction, applies, notifies. Commands of one model are serialised.
   * @throws ModelError as decided by the model; then nothing has changed
   */
  execute(request: Request, source: Source): Promise<readonly ModelEvent[]>;
  /** Called after each command that produced events. Returns the way to stop. */
  subscribe(listener: (events: readonly LoggedEvent[]) => void): () => void;
}

export interface Models {
  get(uuid: string): LiveModel | undefined;
  /** `name` or `owner/name` */
  byName(name: string): LiveModel | undefined;
  list(): LiveModel[];
  create(
    name: string,
    options?: { uuid?: string; owner?: string; config?: Record<string, string | number | boolean> },
  ): Promise<LiveModel>;
  /** Forgets a model whose machines are gone. Destroying a living one is the command `destroy-model`, which ends here by itself. */
  remove(uuid: string): Promise<void>;
  subscribe(listener: (change: { kind: "created" | "removed"; model: LiveModel }) => void): () => void;
}

export interface BlobInfo {
  readonly sha256: string;
  readonly sha384: string;
  readonly size: number;
}
export interface Blobs {
  /** @throws BlobMismatch when a digest that was announced is not that of the bytes */
  put(
    source: Readable | string,
    expected?: { sha256?: string; sha384?: string; maxBytes?: number },
  ): Promise<BlobInfo>;
  has(sha256: string): boolean;
  open(sha256: string, range?: { start?: number; end?: number }): Readable;
  path(sha256: string): string;
}

export interface LogRecord {
  readonly at: number;
  /** tag: `unit-k8s-0`, `machine-3` */
  readonly entity: string;
  readonly module: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly location?: string;
}
export type LogLevel = "TRACE" | "DEBUG" | "INFO" | "WARNING" | "ERROR" | "CRITICAL";
export interface LogFilter {
  readonly level?: LogLevel;
  /** tags or unit/machine names; a trailing `*` matches any suffix */
  readonly includeEntity?: readonly string[];
  readonly excludeEntity?: readonly string[];
  readonly includeModule?: readonly string[];
  readonly excludeModule?: readonly string[];
  readonly since?: number;
}
export interface Logs {
  append(modelUuid: string, records: readonly LogRecord[]): void;
  /** Oldest first; the newest `limit` of those that match. */
  query(modelUuid: string, filter?: LogFilter, limit?: number): LogRecord[];
  follow(modelUuid: string, filter: LogFilter, listener: (record: LogRecord) => void): () => void;
}

export interface History {
  /** Oldest first. `compacted` says that the log no longer reaches back to the start (or to `after`). */
  events(
    modelUuid: string,
    query?: { after?: number; before?: number; types?: readonly string[]; limit?: number },
  ): { compacted: boolean; events: LoggedEvent[] };
  /** The newest `limit` statuses, oldest first. `entity`: unit or application name, machine id. */
  statuses(
    modelUuid: string,
    query: { entity: string; kinds: readonly StatusKind[]; limit?: number; since?: number },
  ): { compacted: boolean; entries: StatusEntry[] };
}

/** A resource uploaded before the application that will own it. */
export interface PendingResources {
  add(modelUuid: string, application: string, name: string): string;
  /** undefined until its bytes have been uploaded */
  get(
    pendingId: string,
  ): { modelUuid: string; application: string; name: string; resource?: Resource } | undefined;
  fulfil(pendingId: string, resource: Resource): void;
  /** to be called when a deploy has used it */
  take(pendingId: string): void;
}

export interface Account {
  /** `user-admin`, `machine-0` */
  readonly tag: string;
  readonly kind: "user" | "machine";
  readonly displayName: string;
  readonly modelUuid?: string;
}

export interface Controller {
  readonly uuid: string;
  readonly name: string;
  /** PEM */
  readonly caCert: string;
  /** `host:port`, the ones usable from elsewhere first */
  readonly addresses: readonly string[];
  readonly startedAt: number;
  /** what is said to clients as server-version and agent-version */
  readonly version: string;
  readonly models: Models;
  readonly blobs: Blobs;
  readonly charms: {
    /** Reads the archive with @cantrip/metadata, keeps it as a blob, executes add-charm with the next free revision (at least `minRevision`). @throws ApiError "bad request" when it is no charm */
    add(
      model: LiveModel,
      archivePath: string,
      options?: { name?: string; minRevision?: number },
    ): Promise<Charm>;
    /** The same for an archive that is a blob already. */
    addBlob(
      model: LiveModel,
      blob: BlobInfo,
      options?: { name?: string; minRevision?: number },
    ): Promise<Charm>;
  };
  readonly presence: {
    /** tag: `machine-0` or `unit-k8s-0`. Losses are events too: machine agent `down`, unit agent `lost`. */
    agentAlive(model: LiveModel, tag: string): boolean;
    lastSeen(model: LiveModel, tag: string): number | undefined;
  };
  readonly logs: Logs;
  readonly history: History;
  readonly pendingResources: PendingResources;
  /** small values of clients (annotations): by model and tag */
  readonly annotations: {
    get(modelUuid: string, tag: string): Record<string, string>;
    /** the empty string deletes a key */
    set(modelUuid: string, tag: string, values: Record<string, string>): void;
  };
  readonly ssh: {
    /** OpenSSH one-line public key that every machine's user ubuntu accepts */
    readonly publicKey: string;
    readonly privateKeyPath: string;
    /** keys that users added to a model (KeyManager); new machines get them, running ones within seconds */
    keys(modelUuid: string): string[];
    addKeys(modelUuid: string, keys: readonly string[]): void;
    removeKeys(modelUuid: string, keys: readonly string[]): void;
  };
  secretContent(model: LiveModel, contentId: string): Promise<Record<string, string>>;
  /** users by password, machine agents by password and nonce */
  authenticate(
    tag: string,
    password: string,
    options?: { nonce?: string; modelUuid?: string },
  ): Promise<Account | undefined>;
  /** @throws ApiError "bad request" when the password is empty */
  setPassword(tag: string, password: string): Promise<void>;
  /** Stops the daemon in good order; machines stay as they are. */
  stop(reason: string): Promise<void>;
}
