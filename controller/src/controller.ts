/**
 * The controller's parts, put together: store, models, presence and leases, API server, provisioner.
 * Start at `openController`.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { Machines } from "@cantrip/machines";
import type { Charm } from "@cantrip/model";
import "./api/agent.ts";
import "./api/pinger.ts";
import { describeCharm } from "./charm-archive.ts";
import { loadIdentity, saveIdentity, type Identity } from "./identity.ts";
import { systemClock } from "./live/clock.ts";
import { setInternals } from "./live/internals.ts";
import { Leases } from "./live/leases.ts";
import type { Model } from "./live/live-model.ts";
import { LiveModels } from "./live/live-models.ts";
import { Presence } from "./live/presence.ts";
import type { Account, BlobInfo, Controller, LiveModel } from "./models.ts";
import type { MachinesConfig } from "./provision/config.ts";
import { Provisioner } from "./provision/provisioner.ts";
import { Accounts } from "./server/accounts.ts";
import { loadAuthority, loadServerCertificate, type KeyPair } from "./server/certificates.ts";
import type { ApiConnection } from "./server/connection.ts";
import { ApiServer } from "./server/server.ts";
import { loadSshKey } from "./ssh-key.ts";
import { BlobStore } from "./store/blob-store.ts";
import { openDatabase, openLogDatabase } from "./store/database.ts";
import { EventLog } from "./store/event-log.ts";
import { historyOf } from "./store/history.ts";
import { LogSink } from "./store/log-sink.ts";
import { SecretVault } from "./store/secret-vault.ts";
import { annotationTable, PendingResourceTable, sshKeyTable } from "./store/small-tables.ts";

/** What the API says of itself: clients of Juju 3.6 accept it, and charms gate features on it. */
export const jujuVersion = "3.6.11";

export interface ControllerOptions {
  /** state directory, used by one controller at a time */
  readonly state: string;
  readonly name?: string;
  readonly port?: number;
  readonly log: (level: "info" | "warn" | "error", message: string) => void;
  readonly onStop?: (reason: string) => void;
}

export interface OpenController extends Controller {
  readonly adminPassword: string;
  /** Begins to make machines, and listens where they reach it. */
  provision(machines: Machines & { readonly gateway: string }, config: MachinesConfig): Promise<void>;
  close(): Promise<void>;
}

export async function openController(options: ControllerOptions): Promise<OpenController> {
  mkdirSync(options.state, { recursive: true, mode: 0o700 });
  const identity = loadIdentity(options.state, options.name ?? "cantrip");
  const authority = await loadAuthority(options.state, identity.name);
  const controller = new RunningController(options, identity, authority);
  await controller.open();
  return controller;
}

class RunningController implements OpenController {
  readonly startedAt = Date.now();
  readonly version = jujuVersion;
  readonly models: LiveModels;
  readonly blobs: BlobStore;
  readonly logs: LogSink;
  readonly history: Controller["history"];
  readonly pendingResources: PendingResourceTable;
  readonly annotations: Controller["annotations"];
  readonly ssh: Controller["ssh"];
  readonly presence: Presence;
  readonly #options: ControllerOptions;
  readonly #authority: KeyPair;
  readonly #db: DatabaseSync;
  readonly #logDb: DatabaseSync;
  readonly #accounts: Accounts;
  readonly #vault: SecretVault;
  readonly #leases = new Map<string, Leases>();
  readonly #heartbeats = new Set<NodeJS.Timeout>();
  readonly #listening = new Set<string>();
  #identity: Identity;
  #server: ApiServer | undefined;
  #provisioner: Provisioner | undefined;
  #presenceTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ControllerOptions, identity: Identity, authority: KeyPair) {
    this.#options = options;
    this.#identity = identity;
    this.#authority = authority;
    this.#db = openDatabase(join(options.state, "model.db"));
    this.#logDb = openLogDatabase(join(options.state, "logs.db"));
    this.#accounts = new Accounts(this.#db);
    this.#vault = new SecretVault(this.#db, Buffer.from(identity.secretKey, "base64"));
    const log = new EventLog(this.#db);
    this.logs = new LogSink(this.#logDb);
    this.history = historyOf(log);
    this.blobs = new BlobStore(join(options.state, "blobs"));
    this.pendingResources = new PendingResourceTable(this.#db);
    this.annotations = annotationTable(this.#db);
    this.models = new LiveModels({
      log,
      vault: this.#vault,
      clock: systemClock,
      onFatal: (error) => this.#fatal(error),
    });
    const key = loadSshKey(options.state, `cantrip@${identity.name}`);
    this.ssh = { ...key, ...sshKeyTable(this.#db, key.publicKey, (uuid) => this.models.get(uuid)?.wake()) };
    this.presence = new Presence({
      clock: systemClock,
      onError: (error) => this.#trouble("presence", error),
    });
    setInternals(this, {
      presence: this.presence,
      vault: this.#vault,
      leases: (model) => this.#leasesOf(model),
      live: (model) => this.#live(model),
    });
  }

  get uuid(): string {
    return this.#identity.uuid;
  }
  get name(): string {
    return this.#identity.name;
  }
  get caCert(): string {
    return this.#authority.certificate;
  }
  get addresses(): readonly string[] {
    return this.#identity.addresses;
  }
  get adminPassword(): string {
    return this.#identity.adminPassword;
  }

  readonly charms = {
    add: async (
      model: LiveModel,
      archivePath: string,
      options: { name?: string; minRevision?: number } = {},
    ): Promise<Charm> => this.charms.addBlob(model, await this.blobs.put(archivePath), options),
    addBlob: (
      model: LiveModel,
      blob: BlobInfo,
      options: { name?: string; minRevision?: number } = {},
    ): Promise<Charm> => this.#addCharm(model, blob, options),
  };

  async open(): Promise<void> {
    if (!this.#accounts.hasUser("user-admin"))
      await this.#accounts.setPassword("user-admin", this.#identity.adminPassword);
    this.#sweepBlobs();
    for (const model of this.models.list()) this.#follow(model);
    this.models.subscribe(({ kind, model }) =>
      kind === "created" ? this.#follow(model) : this.#forget(model),
    );
    const certificate = await loadServerCertificate(this.#options.state, this.#authority, ["127.0.0.1"]);
    this.#server = new ApiServer({
      controller: this,
      certificate,
      onAgent: (connection, account, model) => this.#greet(connection, account, model),
      onDefect: (error, what) => this.#trouble(what, error),
    });
    await this.#listen("127.0.0.1", this.#options.port ?? 17070);
    this.models.start();
    this.#presenceTimer = setInterval(() => void this.presence.check(this.models.list()), 1_000);
  }

  async provision(machines: Machines & { readonly gateway: string }, config: MachinesConfig): Promise<void> {
    await machines.prepare();
    const port = Number(this.addresses[0]?.split(":").at(-1));
    await this.#listen(machines.gateway, port);
    this.#provisioner = new Provisioner({
      machines,
      models: this.models,
      accounts: this.#accounts,
      config,
      caCert: this.caCert,
      addresses: () => this.addresses.filter((a) => !a.startsWith("127.")),
      newNonce: () => randomBytes(12).toString("hex"),
      log: this.#options.log,
    });
    await this.#provisioner.start();
  }

  async secretContent(model: LiveModel, contentId: string): Promise<Record<string, string>> {
    return this.#vault.read(model.uuid, contentId);
  }

  authenticate(
    tag: string,
    password: string,
    options: { nonce?: string; modelUuid?: string } = {},
  ): Promise<Account | undefined> {
    return this.#accounts.authenticate(tag, password, options);
  }

  async setPassword(tag: string, password: string): Promise<void> {
    await this.#accounts.setPassword(tag, password);
    if (tag === "user-admin")
      this.#identity = saveIdentity(this.#options.state, { ...this.#identity, adminPassword: password });
  }

  async stop(reason: string): Promise<void> {
    this.#options.onStop?.(reason);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    clearInterval(this.#presenceTimer);
    await this.#provisioner?.stop();
    for (const timer of this.#heartbeats) clearInterval(timer);
    await this.#server?.close();
    for (const leases of this.#leases.values()) leases.close();
    this.models.close();
    this.logs.flush();
    this.#logDb.close();
    this.#db.close();
  }

  /** Addresses appear one after another; the certificate follows them. */
  async #listen(host: string, port: number): Promise<void> {
    const hosts = new Set([host, ...this.addresses.map((a) => a.slice(0, a.lastIndexOf(":")))]);
    const certificate = await loadServerCertificate(this.#options.state, this.#authority, [...hosts]);
    this.#server?.renew(certificate);
    const bound = await this.#server?.listen(host, port);
    this.#listening.add(`${host}:${bound}`);
    // Until the machines' network is there, what was known of it is believed.
    const known = this.#listening.size > 1 ? this.#listening : new Set(this.addresses);
    const others = [...known].filter((a) => !a.startsWith(`${host}:`) && a.endsWith(`:${bound}`));
    const addresses = [
      ...others.filter((a) => !a.startsWith("127.")),
      `${host}:${bound}`,
      ...others.filter((a) => a.startsWith("127.")),
    ];
    this.#identity = saveIdentity(this.#options.state, { ...this.#identity, addresses, caCert: this.caCert });
    this.#options.log("info", `listening on ${host}:${bound}`);
  }

  async #addCharm(
    model: LiveModel,
    blob: BlobInfo,
    { name, minRevision = 0 }: { name?: string; minRevision?: number },
  ): Promise<Charm> {
    const description = await describeCharm(this.blobs.path(blob.sha256));
    const charmName = name ?? description.name;
    const revision = Math.max(model.state.counters.charmRevision[charmName] ?? 0, minRevision);
    const charm: Charm = {
      ...description,
      name: charmName,
      url: `local:${charmName}-${revision}`,
      revision,
      sha256: blob.sha256,
      size: blob.size,
    };
    await model.execute({ type: "add-charm", charm }, { by: "user" });
    return charm;
  }

  /** An agent that is connected is asked every few seconds whether it lives; its answer is its heartbeat. */
  #greet({ socket }: ApiConnection, account: Account, model: LiveModel): void {
    const machine = account.tag.slice("machine-".length).replaceAll("-", "/");
    const beat = (): void => {
      this.presence.beat(model, machine);
      this.#leases.get(model.uuid)?.renew(machine);
    };
    const timer = setInterval(() => socket.ping(), 4_000).unref();
    this.#heartbeats.add(timer);
    socket.on("pong", beat);
    socket.on("close", () => {
      clearInterval(timer);
      this.#heartbeats.delete(timer);
    });
    beat();
  }

  #follow(model: LiveModel): void {
    const leases = this.#leasesOf(model);
    const evaluate = (): void => void leases.evaluate();
    model.subscribe((events) => {
      if (
        events.some(({ event }) => /^(unit-(added|removed|life)|application-added|leader-)/.test(event.type))
      )
        evaluate();
      if (model.state.life === "dead")
        void this.models
          .remove(model.uuid)
          .catch((error: unknown) => this.#trouble("removing a dead model", error));
    });
    this.presence.onChange((changed) => changed === model && evaluate());
    evaluate();
  }

  #forget(model: LiveModel): void {
    this.#leases.get(model.uuid)?.close();
    this.#leases.delete(model.uuid);
    this.logs.removeModel(model.uuid);
    this.#sweepBlobs();
  }

  #leasesOf(model: LiveModel): Leases {
    const found = this.#leases.get(model.uuid);
    if (found) return found;
    const agentAlive = (unit: string) => this.presence.agentAlive(model, `unit-${unit.replace("/", "-")}`);
    const leases = new Leases({
      model,
      clock: systemClock,
      agentAlive,
      onError: (error) => this.#trouble("leases", error),
    });
    this.#leases.set(model.uuid, leases);
    return leases;
  }

  #live(model: LiveModel): Model {
    const live = this.models.get(model.uuid);
    if (!live) throw new Error(`model "${model.name}" is gone`);
    return live;
  }

  #sweepBlobs(): void {
    const named = this.models
      .list()
      .flatMap(({ state }) => [
        ...Object.values(state.charms).map((c) => c.sha256),
        ...Object.values(state.applications).flatMap((a) => Object.values(a.resources).map((r) => r.sha256)),
      ]);
    this.blobs.retain(new Set([...named, ...this.pendingResources.blobs()]));
  }

  #trouble(what: string, error: unknown): void {
    this.#options.log(
      "error",
      `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }

  #fatal(error: Error): void {
    this.#trouble("the model's memory and log differ", error);
    this.#options.onStop?.(error.message);
  }
}
