/** A controller in memory around the real model: for facades, which need nothing else of it. */
import {
  apply,
  createModel,
  record,
  type Charm,
  type ModelState,
  type Request,
  type Resource,
  type Source,
} from "@cantrip/model";
import { charmActionsOf, charmConfigOf, charmMetadataOf } from "@cantrip/metadata";
import "../../src/facades/index.ts";
import { findMethod, type Connection, type ConnectionResource } from "../../src/facade.ts";
import type { Controller, LiveModel, LoggedEvent } from "../../src/models.ts";

export const uuid = "11111111-2222-4333-8444-555555abcdef";
export const start = Date.parse("2026-01-02T03:04:05.000Z");

export class MemoryModel implements LiveModel {
  readonly state: ModelState;
  readonly log: LoggedEvent[] = [];
  readonly #listeners = new Set<(events: readonly LoggedEvent[]) => void>();
  now = start;

  constructor(name: string) {
    this.state = createModel({ uuid, name, owner: "admin", now: start });
  }
  get uuid(): string {
    return this.state.uuid;
  }
  get name(): string {
    return this.state.name;
  }
  get version(): number {
    return this.log.length;
  }
  async execute(request: Request, source: Source) {
    const recorded = record(this.state, { ...request, now: this.now }, source);
    const logged = recorded.map((each, index) => ({ seq: this.log.length + index + 1, ...each }));
    const events = logged.map(({ event }) => event);
    for (const event of events) apply(this.state, event);
    this.log.push(...logged);
    if (logged.length > 0) for (const listener of this.#listeners) listener(logged);
    return events;
  }
  subscribe(listener: (events: readonly LoggedEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export interface World {
  readonly model: MemoryModel;
  readonly connection: Connection;
  readonly silent: Set<string>;
  /** by the names on the wire, as a client calls */
  call<Result = Record<string, unknown>>(
    facade: string,
    method: string,
    params?: object,
    id?: string,
  ): Promise<Result>;
  do(request: Request): Promise<void>;
}

const versions: Record<string, number> = {
  Action: 7,
  AllWatcher: 3,
  Annotations: 2,
  Application: 19,
  Charms: 7,
  Client: 8,
  Cloud: 7,
  Controller: 12,
  Insight: 1,
  KeyManager: 1,
  MachineManager: 10,
  ModelConfig: 3,
  ModelManager: 10,
  Resources: 3,
  SSHClient: 4,
  Secrets: 2,
  Spaces: 6,
  Block: 2,
  StringsWatcher: 1,
  UserManager: 3,
};
const onController = new Set(["ModelManager"]);

export function world(): World {
  const model = new MemoryModel("t1");
  const silent = new Set<string>();
  const controller = memoryController(model, silent);
  const resources = numbered();
  const user = { tag: "user-admin", kind: "user", displayName: "admin" } as const;
  const closed = new AbortController().signal;
  const connection: Connection = { controller, model, user, resources, closed };
  const { model: _model, ...withoutModel } = connection;
  return {
    model,
    connection,
    silent,
    async call<Result>(facade: string, method: string, params: object = {}, id = "") {
      const isOnModel = !onController.has(facade);
      const version = versions[facade] ?? 1;
      const act = findMethod(facade, version, method, user, isOnModel);
      // as the server does: keys in lower case, nulls left out
      const given = Object.entries(params).filter(([, value]) => value !== null);
      const lower = Object.fromEntries(given.map(([key, value]) => [key.toLowerCase(), value]));
      return ((await act(isOnModel ? connection : withoutModel, lower, id, version)) ?? {}) as Result;
    },
    async do(request) {
      await model.execute(request, { by: "user", user: "admin" });
    },
  };
}

function numbered(): Connection["resources"] {
  const all = new Map<string, ConnectionResource>();
  let last = 0;
  return {
    add(resource) {
      all.set(String((last += 1)), resource);
      return String(last);
    },
    get: (id) => all.get(id),
    remove(id) {
      all.get(id)?.stop();
      all.delete(id);
    },
  };
}

function memoryController(model: MemoryModel, silent: ReadonlySet<string>): Controller {
  const models = new Map<string, LiveModel>([[model.uuid, model]]);
  const pending = new Map<
    string,
    { modelUuid: string; application: string; name: string; resource?: Resource }
  >();
  const annotations = new Map<string, Record<string, string>>();
  const keys: string[] = [];
  const controller = {
    uuid: "99999999-2222-4333-8444-555555abcdef",
    name: "mini",
    caCert: "PEM",
    addresses: ["127.0.0.1:17070"],
    startedAt: start,
    version: "3.6.11",
    models: {
      get: (id: string) => models.get(id),
      byName: (name: string) => [...models.values()].find((m) => m.name === name),
      list: () => [...models.values()],
      create: async (name: string) => {
        const created = new MemoryModel(name);
        models.set(`${name}-uuid`, created);
        return created;
      },
    },
    presence: { agentAlive: (_model: LiveModel, tag: string) => !silent.has(tag), lastSeen: () => undefined },
    history: {
      events: (_uuid: string, { types }: { types?: readonly string[] } = {}) => ({
        compacted: false,
        events: model.log.filter(({ event }) => types === undefined || types.includes(event.type)),
      }),
      statuses: () => ({ compacted: false, entries: [] }),
    },
    pendingResources: {
      add(modelUuid: string, application: string, name: string) {
        pending.set(`pending-${name}`, { modelUuid, application, name });
        return `pending-${name}`;
      },
      get: (id: string) => pending.get(id),
      take: (id: string) => void pending.delete(id),
    },
    annotations: {
      get: (_model: string, tag: string) => annotations.get(tag) ?? {},
      set: (_model: string, tag: string, values: Record<string, string>) => void annotations.set(tag, values),
    },
    ssh: {
      keys: () => [...keys],
      addKeys: (_model: string, more: readonly string[]) => void keys.push(...more),
      removeKeys: (_model: string, gone: readonly string[]) => {
        for (const key of gone) keys.splice(keys.indexOf(key), 1);
      },
    },
    secretContent: async () => ({ token: "s3cret" }),
  };
  return controller as unknown as Controller;
}

export function charm(
  name: string,
  { metadata = {}, revision = 0 }: { metadata?: object; revision?: number } = {},
): Charm {
  return {
    url: `local:${name}-${revision}`,
    name,
    revision,
    sha256: "0".repeat(64),
    size: 1,
    metadata: charmMetadataOf({ name, summary: "s", description: "d", ...metadata }),
    config: charmConfigOf({
      options: { opt: { type: "string", default: "d", description: "x" }, port: { type: "int" } },
    }),
    actions: charmActionsOf({ hello: { description: "says hello", params: { x: { type: "integer" } } } }),
    manifest: { bases: [{ name: "ubuntu", channel: "24.04", architectures: ["amd64"] }] },
  };
}

export const tiny = charm("tiny", {
  metadata: {
    requires: { db: { interface: "etcd" } },
    peers: { ring: { interface: "ring" } },
    resources: { blob: { type: "file", filename: "blob.tar.gz" } },
  },
});
export const etcd = charm("etcd", { metadata: { provides: { db: { interface: "etcd" } } } });

/** One application with two units, the first on a started machine. */
export async function deployed(): Promise<World> {
  const given = world();
  await given.do({ type: "add-charm", charm: tiny });
  await given.do({ type: "add-charm", charm: etcd });
  const base = { name: "ubuntu", channel: "24.04" };
  await given.do({ type: "deploy", application: "tiny", charmUrl: tiny.url, units: 2, base });
  await given.do({
    type: "machine-instance",
    machine: "0",
    status: "running",
    message: "Running",
    instanceId: "i-0",
    addresses: ["10.0.0.1"],
    hardware: { arch: "amd64", cores: 2, memMiB: 4096, rootDiskMiB: 16384 },
  });
  await given.do({
    type: "machine-agent",
    machine: "0",
    status: "started",
    message: "",
    addresses: ["10.0.0.1"],
  });
  return given;
}
