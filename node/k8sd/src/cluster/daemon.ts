/**
 * The life of a node in one object: nothing yet, an operation under way, part of a cluster. One operation at a time;
 * asked for the same one again, the caller gets the one that runs.
 */
import {
  ALREADY_BOOTSTRAPPED,
  NODE_IN_USE,
  NOT_INITIALIZED,
  type BootstrapConfig,
} from "@cantrip/metadata/k8sd";
import { now } from "../base/clock.ts";
import { Turns } from "../base/coalesce.ts";
import { ApiError, messageOf } from "../base/errors.ts";
import {
  loadIdentity,
  saveIdentity,
  settled,
  type ClusterSettings,
  type Identity,
  type JoinConfig,
  type Journal,
} from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { claimMachine } from "../node/claim.ts";
import { repairPki, renewable, type Selection } from "../pki/refresh.ts";
import { Renewal } from "../pki/renewal.ts";
import { checkedUpdate, type Supplied } from "../pki/supplied.ts";
import {
  ALL_SERVICES,
  disable,
  kill,
  start,
  stop,
  unitOf,
  unitStates,
  wantedServices,
} from "../node/services.ts";
import { adoptSettings } from "./adopt.ts";
import { Adoption } from "./adoption.ts";
import {
  beginBootstrap,
  beginJoin,
  beginRestore,
  boundedTimeout,
  refuse,
  type NodeRequest,
} from "./beginnings.ts";
import { bootstrap, type Progress } from "./bootstrap.ts";
import { ControlPlane } from "./control-plane.ts";
import { giveUp } from "./admission.ts";
import { joinCluster } from "./join.ts";
import { endContainers } from "./containers.ts";
import { releaseExternal } from "./datastore.ts";
import { leave } from "./leave.ts";
import { removeOwnMember } from "./membership.ts";
import { checkMachine } from "./preflight.ts";
import {
  giveUpRecovery,
  isBeyondReturn,
  planRecovery,
  recover,
  tidyRecovery,
  type RecoveryPlan,
  type RecoveryResult,
} from "./recovery.ts";
import { openedSnapshot, restoreCluster } from "./snapshot.ts";
import { problemsOfSans } from "./settings.ts";
import { hashOf } from "./tokens.ts";
import type { Upwards } from "./upwards.ts";
import { Worker } from "./worker.ts";

interface Operation {
  readonly kind: Journal["operation"];
  readonly name: string;
  readonly done: Promise<void>;
  step: string;
}

export class Daemon {
  readonly paths: Paths;
  readonly #onMembership: (identity: Identity | undefined) => Promise<void>;
  readonly #renewal: Renewal;
  readonly #saves = new Turns();
  readonly #adoption = new Adoption({
    identity: () => this.#atRest(),
    note: (change) => this.#note(change),
    adopt: (node, from, to) => adoptSettings(this.paths, node, from, to),
    finish: async (from) => this.#part?.takeSettings(from),
  });
  #identity: Identity | undefined;
  #lastIdentity: Identity | undefined;
  #operation: Operation | undefined;
  #part: ControlPlane | Worker | undefined;
  #unreadable: string | undefined;
  #recovered: RecoveryResult | undefined;
  /** Of the control planes' daemons, as last heard. */
  #peers: readonly string[] = [];

  /** `onMembership` opens and closes what a node serves to other nodes. */
  constructor(paths: Paths, onMembership: (identity: Identity | undefined) => Promise<void>) {
    this.paths = paths;
    this.#onMembership = onMembership;
    this.#renewal = new Renewal({
      paths,
      identity: () => this.#identity!,
      now,
      refresh: (names, lifetimeMs) => this.refreshCertificates({ names, lifetimeMs }),
    });
  }

  /** Finds out what this node is, and goes on with what was under way. */
  async load(): Promise<void> {
    try {
      this.#identity = await loadIdentity(this.paths.identity);
    } catch (error) {
      this.#unreadable = messageOf(error);
      log.error(this.#unreadable);
      return;
    }
    if (!this.#identity) return;
    if (this.#identity.journal) return this.#resume(this.#identity, this.#identity.journal);
    if (this.#identity.superseded) return log.warning(supersededText(this.#identity));
    // Killed between the record of an operation's end and this.
    await this.#tidy();
    await claimMachine(this.paths);
    await this.#repair(this.#identity);
    await this.#enter(this.#identity);
    await start(...wantedServices(this.#identity)).catch((error: unknown) => log.error(messageOf(error)));
  }

  /** What cannot be made good here is said, and seen by those who need it; the node goes on with what it has. */
  async #repair(identity: Identity) {
    await repairPki(this.paths, identity).catch((error: unknown) => log.error(messageOf(error)));
  }

  /** What is left over costs room, no more. */
  async #tidy() {
    await tidyRecovery(this.paths).catch((error: unknown) => log.warning(messageOf(error)));
  }

  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** Name and step of the operation under way. */
  get underWay(): string | undefined {
    return this.#operation && `${this.#operation.kind}: ${this.#operation.step}`;
  }

  /** The identity of a node that is part of a cluster. @throws ApiError 503 while it is not, saying in which way */
  joined(): Identity {
    if (this.#unreadable) throw new ApiError(500, this.#unreadable);
    if (!this.#identity) throw new ApiError(503, NOT_INITIALIZED);
    if (this.#operation) throw new ApiError(503, `an operation is under way on this node (${this.underWay})`);
    if (this.#identity.journal) throw new ApiError(503, unfinishedText(this.#identity.journal));
    if (this.#identity.superseded) throw new ApiError(503, supersededText(this.#identity));
    return this.#identity;
  }

  /** @throws ApiError 403 on workers, 503 before bootstrap or join */
  controlPlane(): ControlPlane {
    if (this.joined().role === "worker") throw new ApiError(403, "this action is restricted on workers");
    if (!(this.#part instanceof ControlPlane)) throw new ApiError(503, "Daemon is still starting");
    return this.#part;
  }

  async bootstrap(request: NodeRequest, config: BootstrapConfig): Promise<void> {
    if (this.#operation?.kind === "bootstrap" && this.#operation.name === request.name)
      return this.#operation.done;
    if (!this.#isVacant()) throw new ApiError(400, ALREADY_BOOTSTRAPPED);
    this.#refuseWhileBusy();
    return this.#beginAnew(beginBootstrap(request, config));
  }

  async join(request: NodeRequest & { token: string }, config: JoinConfig): Promise<void> {
    if (this.#operation?.kind === "join" && this.#operation.name === request.name)
      return this.#operation.done;
    // An answer that was lost on the wire: asked again with the same token, the node finds itself joined.
    if (this.#identity?.joinedWith === hashOf(request.token) && !this.#identity.journal) return;
    if (!this.#isVacant() && !this.#identity?.superseded)
      throw new ApiError(
        NODE_IN_USE,
        `node ${JSON.stringify(this.#identity?.name ?? request.name)} is part of the cluster`,
      );
    this.#refuseWhileBusy();
    return this.#beginAnew(beginJoin(request, config));
  }

  /** Takes this node out of its cluster, with everything that it holds. */
  async leave(): Promise<void> {
    if (this.#operation?.kind === "leave") return this.#operation.done;
    const left = this.#identity;
    if (left?.journal?.operation === "leave" && !this.#operation)
      return this.#begin(left, () => this.#record(left));
    const identity = this.joined();
    const leaving: Identity = { ...identity, journal: { operation: "leave" } };
    return this.#begin(leaving, () => this.#record(leaving));
  }

  /**
   * Without names, of everything that is not brought along; a brought one that is named is the cluster's own from then on.
   * @throws ApiError 400 for names that this node has no certificate of, 503 before bootstrap or join
   */
  async refreshCertificates(selection: Selection, extraSans: readonly string[] = []): Promise<void> {
    const identity = this.joined();
    const names = renewable(identity, selection.names);
    if (extraSans.length > 0) await this.#remember(extraSans);
    if (!this.#part) throw new ApiError(503, "Daemon is still starting");
    await this.#part.refreshCertificates({ ...selection, names });
    const { supplied } = this.joined();
    if (supplied.some((name) => names.includes(name)))
      await this.#note({ supplied: supplied.filter((name) => !names.includes(name)) });
  }

  /** Takes certificates that an operator brings; a control plane makes the others anew where it can. @throws ApiError 400 */
  async updateCertificates(config: Supplied): Promise<void> {
    const identity = this.joined();
    if (!this.#part) throw new ApiError(503, "Daemon is still starting");
    const names = await checkedUpdate(this.paths, identity, config);
    // First: a daemon that is killed here must not take the operator's files for its own and make them anew.
    await this.#note({ supplied: [...new Set([...identity.supplied, ...names])] });
    try {
      await this.#part.takeCertificates(config);
    } catch (error) {
      // Else what is still ours would never be made anew.
      await this.#note({ supplied: identity.supplied });
      throw error;
    }
  }

  /** What was asked for once is in every later certificate, too. */
  async #remember(extraSans: readonly string[]) {
    const { role, extraSans: before } = this.joined();
    refuse("invalid certificate request", problemsOfSans({ "extra-sans": [...extraSans] }));
    if (role === "worker")
      throw new ApiError(
        400,
        "extra-sans: the names of a worker's certificates are those of the cluster's record; leave it out",
      );
    await this.#note({ extraSans: [...new Set([...before, ...extraSans])] });
  }

  /** A control plane on this machine that goes on alone with the snapshot which was opened here. */
  async restore(request: NodeRequest): Promise<void> {
    if (this.#operation?.kind === "restore" && this.#operation.name === request.name)
      return this.#operation.done;
    const document = await openedSnapshot(this.paths);
    // Its leave would take the snapshot along.
    if (this.#identity?.journal?.operation === "leave")
      throw new ApiError(400, unfinishedText(this.#identity.journal));
    if (!this.#isVacant()) throw new ApiError(400, ALREADY_BOOTSTRAPPED);
    this.#refuseWhileBusy();
    return this.#beginAnew(beginRestore(request, document));
  }

  /** What a recovery here would be; changes nothing. One that failed beyond return can only go on. */
  async planRecovery(): Promise<RecoveryPlan> {
    if (this.#failedRecovery()) return { resumes: true, others: [], refusals: [] };
    const identity = this.joined();
    if (identity.role === "worker") throw new ApiError(403, "this action is restricted on workers");
    return planRecovery(this.paths, identity);
  }

  /** Makes this control plane a cluster of one member. @throws ApiError 400 if the plan says that this would be wrong */
  async recover(timeoutMs?: number): Promise<RecoveryResult | undefined> {
    if (this.#operation?.kind !== "recover") {
      const { refusals } = await this.planRecovery();
      if (refusals.length > 0) throw new ApiError(400, `Cannot recover here: ${refusals.join("; ")}`);
      const failed = this.#failedRecovery();
      const at = failed?.journal.at ?? seconds();
      const journal: Journal = { operation: "recover", timeoutMs: boundedTimeout(timeoutMs), at };
      const recovering: Identity = { ...(failed?.identity ?? this.joined()), journal };
      await this.#begin(recovering, async () => {
        if (!failed) await tidyRecovery(this.paths);
        await this.#record(recovering);
      });
    } else await this.#operation.done;
    return this.#recovered;
  }

  /** A recovery that gave up where only going on makes sense. */
  #failedRecovery(): { identity: Identity; journal: Recovery } | undefined {
    const identity = this.#identity;
    if (this.#operation || identity?.journal?.operation !== "recover") return undefined;
    return { identity, journal: identity.journal };
  }

  async stop(): Promise<void> {
    await this.#adoption.pause();
    await this.#renewal.stop();
    await this.#part?.stop();
  }

  #refuseWhileBusy() {
    if (this.#operation)
      throw new ApiError(400, `Cannot begin: an operation is under way on this node (${this.underWay})`);
  }

  /** Nothing is here, or what an incomplete leave has left: that is taken away first by whatever comes next. */
  #isVacant(): boolean {
    if (this.#unreadable) return false;
    return !this.#identity || (!this.#operation && this.#identity.journal?.operation === "leave");
  }

  /** Makes place, looks at the machine, and begins a node's life in a cluster. */
  #beginAnew(identity: Identity): Promise<void> {
    const left = this.#identity;
    return this.#begin(identity, async () => {
      if (left) await this.#end(left, left.journal?.operation === "leave" ? left.journal.undone : undefined);
      await checkMachine(this.paths, identity);
      await this.#record(identity);
    });
  }

  /** From here on the operation is known, to this process at once and to the next one by the journal. */
  #begin(identity: Identity, record: () => Promise<void>): Promise<void> {
    const { journal, name } = identity;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined);
    const operation: Operation = { kind: journal!.operation, name, done: promise, step: "checking" };
    this.#operation = operation;
    void this.#carryOut(operation, identity, record).then(resolve, reject);
    return promise;
  }

  async #carryOut(operation: Operation, identity: Identity, record: () => Promise<void>) {
    try {
      await this.#adoption.pause();
      await record();
      this.#identity = identity;
      await this.#perform(operation, identity);
    } finally {
      this.#operation = undefined;
      this.#adoption.resume();
    }
  }

  async #perform(operation: Operation, identity: Identity) {
    const journal = identity.journal!;
    if (journal.operation === "leave") return this.#end(identity, journal.undone);
    if (journal.operation === "recover") return this.#recoverAlone(operation, identity, journal);
    const progress = progressOf(operation, journal.timeoutMs);
    try {
      const member = await this.#become(identity, journal, progress);
      const final = { ...settled(member), peers: this.#peers.length > 0 ? this.#peers : member.peers };
      await this.#record(final);
      // Only now: without it a repetition of a restoration would have nothing to begin with.
      await this.#tidy();
      if (!this.#part) await this.#enter(final);
      log.info(`${journal.operation} of ${final.name} is done`);
    } catch (error) {
      const failure = await withServices(error, operation.step, identity).catch(() => error as Error);
      log.error(`${journal.operation} failed: ${failure.message}`);
      operation.step = "undoing";
      const isKnown = await this.#undo(identity, journal, failure);
      throw isKnown ? failure : withRemains(failure, identity);
    }
  }

  /** Dissolves where nobody waits for the reason; what stays elsewhere is in the log. */
  async #end(identity: Identity, undone?: Journal): Promise<void> {
    if (!(await this.#dissolve(identity, undone))) log.warning(remainsText(identity));
  }

  /** @throws Error with both failures */
  async #undo(identity: Identity, journal: Journal, failure: Error): Promise<boolean> {
    try {
      return await this.#dissolve(identity, journal);
    } catch (cause) {
      throw new Error(`${failure.message}; and it could not be undone: ${messageOf(cause)}`, { cause });
    }
  }

  /** Fails without harm up to the point where the data is exchanged; from there on it goes on at the next try. */
  async #recoverAlone(operation: Operation, identity: Identity, { at, timeoutMs }: Recovery) {
    await this.#part?.stop();
    this.#part = undefined;
    const started = (member: Identity) => this.#enter(member);
    try {
      const { identity: heir, result } = await recover(
        this.paths,
        identity,
        at,
        started,
        progressOf(operation, timeoutMs),
      );
      this.#recovered = result;
      await this.#record(settled(heir));
      // Only now: without it a repetition would begin at the old data.
      await this.#tidy();
      log.info(`recovered: revision ${result.revision} is kept, ${result.discarded} entries are discarded`);
    } catch (error) {
      log.error(`recovery failed while ${operation.step}: ${messageOf(error)}`);
      if (!isBeyondReturn(this.paths)) await this.#asBeforeRecovery(identity, at);
      throw new Error(`${messageOf(error)} (while ${operation.step})`, { cause: error });
    }
  }

  async #asBeforeRecovery(identity: Identity, at: number) {
    await giveUpRecovery(this.paths, at);
    const before = settled(identity);
    await this.#record(before);
    await start(...wantedServices(before));
    await this.#enter(before);
  }

  async #become(
    identity: Identity,
    journal: Exclude<Journal, { operation: "leave" | "recover" }>,
    progress: Progress,
  ): Promise<Identity> {
    const started = (member: Identity) => this.#enter(member);
    if (journal.operation === "bootstrap")
      return bootstrap(this.paths, identity, { config: journal.config, started }, progress);
    if (journal.operation === "restore") return restoreCluster(this.paths, identity, started, progress);
    return joinCluster(
      this.paths,
      identity,
      { token: journal.token, config: journal.config, started },
      progress,
    );
  }

  async #enter(identity: Identity) {
    this.#identity = identity;
    this.#part ??=
      identity.role === "worker"
        ? await Worker.start(this.paths, identity, this.#upwards())
        : await ControlPlane.start(this.paths, identity, this.#upwards());
    await this.#onMembership(identity);
    this.#renewal.start();
  }

  #upwards(): Upwards {
    return {
      // What a part asks after the node has left no longer matters.
      identity: () => this.#identity ?? this.#lastIdentity!,
      onRemoved: () => this.#obeyRemoval(),
      onSuperseded: (generation, by) => void this.#stepDown(generation, by),
      onPeers: (peers) => this.#follow(peers),
      onCertificates: () => this.#onMembership(this.#identity),
      onSettings: (settings) => this.#adopt(settings),
      onServers: (servers) => this.#note({ datastore: { type: "external", servers } }),
    };
  }

  /** The cluster went on without this node: nothing of its past runs here any more, but its data stays. */
  async #stepDown(generation: number, by: string) {
    if (!this.#identity || this.#operation || this.#identity.superseded) return;
    // A worker has no past of its own: it follows.
    if (this.#identity.role === "worker") return this.#note({ generation });
    await this.#note({ superseded: { generation, by } });
    log.warning(supersededText(this.#identity));
    await this.#renewal.stop();
    await this.#part?.stop();
    this.#part = undefined;
    await disable(this.paths, ...ALL_SERVICES);
    await kill("etcd", "kube-apiserver").catch((error: unknown) => log.error(messageOf(error)));
    await stop("kubelet", "kube-proxy", "kube-controller-manager", "kube-scheduler", "k8s-apiserver-proxy");
    await endContainers(this.paths.package).catch((error: unknown) => log.error(messageOf(error)));
  }

  #adopt(settings: ClusterSettings) {
    // The last word of a cluster that this node has left.
    if (this.#identity && this.#identity.journal?.operation !== "leave") this.#adoption.hear(settings);
  }

  /** The identity of a node that is part of a cluster, with nothing under way. */
  #atRest(): Identity | undefined {
    const identity = this.#identity;
    return this.#operation || identity?.journal || identity?.superseded ? undefined : identity;
  }

  /** Asks how the cluster is set, now. */
  askAgain(): void {
    if (this.#part instanceof Worker) this.#part.askAgain();
  }

  /** Keeps the way back to the cluster on disk. */
  async #follow(peers: readonly string[]) {
    if (peers.length === 0) return;
    this.#peers = peers;
    if (!this.#identity || this.#operation || this.#identity.peers.join() === peers.join()) return;
    await this.#note({ peers });
  }

  async #note(change: Partial<Identity>) {
    if (!this.#identity) return;
    this.#identity = { ...this.#identity, ...change };
    // As it is when its turn comes: a slower write of an older one must not have the last word.
    await this.#saves.inTurn(async () => {
      const identity = this.#identity;
      // A leave has the last word, and no file at its end.
      if (identity && identity.journal?.operation !== "leave")
        await saveIdentity(this.paths.identity, identity);
    });
  }

  /** Makes this the identity once it is on disk. */
  #record(identity: Identity): Promise<void> {
    return this.#saves.inTurn(async () => {
      await saveIdentity(this.paths.identity, identity);
      this.#identity = identity;
    });
  }

  #obeyRemoval() {
    if (this.#operation) return;
    log.warning("this node was removed from its cluster while it was away; leaving");
    this.leave().catch((error: unknown) => log.error(messageOf(error)));
  }

  /**
   * Recorded first: a daemon that is killed here goes on with leaving, not with what had failed. False if a join is undone
   * of which the cluster could not be told.
   */
  async #dissolve(identity: Identity, undone?: Journal): Promise<boolean> {
    const latest = this.#identity ?? identity;
    const leaving: Identity = { ...identity, journal: { operation: "leave", ...(undone && { undone }) } };
    // A full disk, perhaps the reason, must not keep it from being undone: who is killed then tries once more what failed.
    await this.#record(leaving).catch((error: unknown) => log.warning(messageOf(error)));
    this.#identity = leaving;
    this.#adoption.forget();
    await this.#renewal.stop();
    await this.#part?.stop();
    this.#part = undefined;
    // While etcd still runs here: its member is taken off the list first.
    const isKnown = undone?.operation !== "join" || (await giveUp(this.paths, identity, undone.token));
    if (!isKnown && latest.role === "control-plane" && latest.datastore.type === "etcd")
      await removeOwnMember(this.paths, latest).catch((error: unknown) => log.warning(messageOf(error)));
    if (undone?.operation === "bootstrap" && identity.datastore.type === "external")
      await releaseExternal(this.paths, identity);
    try {
      await leave(this.paths);
    } catch (error) {
      throw isKnown ? error : withRemains(error as Error, identity);
    }
    this.#lastIdentity = identity;
    this.#identity = undefined;
    this.#adoption.forget();
    this.#peers = [];
    await this.#onMembership(undefined);
    log.info("this node belongs to no cluster");
    return isKnown;
  }

  /** In the background: the daemon answers meanwhile, and says what it is doing. */
  #resume(identity: Identity, journal: Journal) {
    log.info(`resuming ${journal.operation} of ${identity.name}`);
    this.#begin(identity, () => Promise.resolve()).catch((error: unknown) =>
      log.error(`${journal.operation} could not be resumed: ${messageOf(error)}`),
    );
  }
}

type Recovery = Extract<Journal, { operation: "recover" }>;
const seconds = () => Math.floor(now() / 1000);

const supersededText = ({ name, superseded, generation }: Identity) =>
  `the cluster was recovered without ${name} (it is of generation ${generation}, ${superseded?.by} of ${superseded?.generation}); its services are stopped, its data is kept; let it join anew: k8s get-join-token ${name} there, k8s join-cluster TOKEN here`;

const unfinishedText = ({ operation }: Journal): string =>
  operation === "recover"
    ? "the recovery of this node failed halfway and has to go on: k8s recover"
    : "this node could not leave its cluster completely; the next bootstrap or join of it, or a new start of k8sd, tries again";

const remainsText = ({ name }: Identity): string =>
  `the cluster could not be told, and may list this node: there, k8s remove-node ${name} --force takes it away`;

const withRemains = (failure: Error, identity: Identity): Error =>
  new Error(`${failure.message}; ${remainsText(identity)}`, { cause: failure });

/** A failure with the state of the services, which is mostly its reason. */
async function withServices(error: unknown, step: string, identity: Identity): Promise<Error> {
  if (error instanceof ApiError) return error;
  const states = await unitStates(identity);
  const sick = states.filter(
    ({ active, restarts }) => active === "failed" || active === "activating" || restarts > 0,
  );
  const text = sick.map(
    ({ service, sub, restarts }) =>
      `${service} is ${sub} after ${restarts} restarts (journalctl -u ${unitOf(service)})`,
  );
  return new Error([`${messageOf(error)} (while ${step})`, ...text].join("; "), { cause: error });
}

function progressOf(operation: Operation, timeoutMs: number): Progress {
  const began = performance.now();
  return {
    signal: AbortSignal.timeout(timeoutMs),
    timeoutMs,
    step(name) {
      operation.step = name;
      log.info(`${operation.kind}: ${name} (${Math.round(performance.now() - began)} ms)`);
    },
  };
}
