/**
 * The feature `network` on one node (decision 12): CNI configuration, the ways to the other nodes' pods (a route on the node's
 * own link, the tunnel to other links), masquerade.
 */
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { Coalesced } from "../base/coalesce.ts";
import { messageOf } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { run } from "../base/run.ts";
import type { NodeObject } from "../kube/client.ts";
import { cniConfigFile, writeCniConfig } from "./cni.ts";
import { linkOf } from "./link.ts";
import { masqueradeRules, planFor, TABLE, type NetworkPlan, type Route } from "./plan.ts";
import { applyTunnel, DEVICE, OVERHEAD, removeTunnel, ROUTE_PROTOCOL } from "./tunnel.ts";
import { byLink, eachAlone, notReached } from "./ways.ts";

const VERIFY_EVERY_MS = 60_000;

/** The agent of a node, as long as the cluster's network is enabled. */
export class NodeNetwork {
  readonly #paths: Paths;
  readonly #identity: () => Identity;
  #agent: NetworkAgent | undefined;
  #nodes: readonly NodeObject[] = [];

  constructor(paths: Paths, identity: () => Identity) {
    this.#paths = paths;
    this.#identity = identity;
    if (identity().settings.networkEnabled) this.#agent = new NetworkAgent(paths, identity());
    else void this.#end().catch((error: unknown) => log.warning(`network: ${messageOf(error)}`));
  }

  get problems(): readonly string[] {
    return this.#agent?.problems ?? [];
  }

  update(nodes: readonly NodeObject[]): void {
    this.#nodes = nodes;
    this.#agent?.update(nodes);
  }

  /** Begins with a network that was enabled; takes a disabled one apart, so that another can take its place. */
  async takeSettings(): Promise<void> {
    const identity = this.#identity();
    if (!identity.settings.networkEnabled) return this.#end();
    if (this.#agent) return;
    this.#agent = new NetworkAgent(this.#paths, identity);
    this.#agent.update(this.#nodes);
    log.info("network: enabled on this node");
  }

  /** Also where a daemon that was killed here did not get to the end. */
  async #end() {
    await this.#agent?.stop();
    this.#agent = undefined;
    if (!existsSync(cniConfigFile(this.#paths))) return;
    await removeNetwork();
    await rm(cniConfigFile(this.#paths), { force: true });
    log.info("network: disabled on this node");
  }

  stop = async (): Promise<void> => this.#agent?.stop();
}

class NetworkAgent {
  readonly #paths: Paths;
  readonly #identity: Identity;
  readonly #timer: NodeJS.Timeout;
  #nodes: readonly NodeObject[] = [];
  #applied = "";
  /** Whether a node, by its address, was behind a router when the kernel was asked last. */
  readonly #ways = new Map<string, boolean>();
  readonly #work = new Coalesced(() => this.#converge());
  #complaint = "";
  #problems: readonly string[] = ["waiting for the Nodes of the cluster"];

  constructor(paths: Paths, identity: Identity) {
    this.#paths = paths;
    this.#identity = identity;
    this.#timer = setInterval(() => this.#verify(), VERIFY_EVERY_MS).unref();
  }

  /** What keeps this node's pod network from working; empty when it works. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Takes the present Nodes; the work happens in the background, the newest state wins. */
  update(nodes: readonly NodeObject[]): void {
    this.#nodes = nodes;
    this.#work.request();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#work.stop();
  }

  /** Routes and rules may be changed by others: looked at anew from time to time. */
  #verify() {
    this.#applied = "";
    if (this.#nodes.length > 0) this.update(this.#nodes);
  }

  async #converge() {
    const plan = planFor(this.#identity.name, this.#nodes);
    const wanted = JSON.stringify(plan);
    if (wanted !== this.#applied) await this.#applyLogged(plan, wanted);
  }

  async #applyLogged(plan: NetworkPlan, wanted: string) {
    try {
      this.#problems = await this.#apply(plan);
      this.#applied = this.#problems.length === 0 ? wanted : "";
    } catch (error) {
      this.#problems = [messageOf(error)];
    }
    const text = this.#problems.join("; ");
    if (text && text !== this.#complaint) log.warning(`network: ${text}`);
    this.#complaint = text;
  }

  async #apply({ podCidr, routes, nodes }: NetworkPlan): Promise<string[]> {
    if (!podCidr) return ["waiting for this node's range of pod addresses"];
    const { address, settings } = this.#identity;
    const link = linkOf(address);
    if (!link) return [`no interface of this machine has the address ${address}`];
    await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
    const { direct, remote, unknown, problems } = await byLink(routes, this.#ways);
    const mtu = link.mtu - (remote.length > 0 ? OVERHEAD : 0);
    if (await writeCniConfig(this.#paths, podCidr, mtu))
      log.info(`network: new pods of this node get addresses of ${podCidr} and packets of ${mtu} bytes`);
    // Routers between links know no pod: to nodes behind them a pod speaks with its node's address.
    const near = nodes.filter((node) => !remote.some(({ via }) => via === node));
    await run(["nft", "-f", "-"], { input: masqueradeRules(settings.podCidr, near) });
    return [
      ...problems,
      ...(await applyRoutes(direct, unknown)),
      ...(await applyTunnel({ address, podCidr, link, remotes: remote })),
    ];
  }
}

interface KernelRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
}

/**
 * Makes our routes on the node's own link exactly these, and leaves some as they are; those of the tunnel are the tunnel's.
 * Returns what keeps single routes from it.
 */
export async function applyRoutes(routes: readonly Route[], left: readonly Route[] = []): Promise<string[]> {
  const all = JSON.parse(
    (await run(["ip", "-json", "-4", "route", "show", "proto", ROUTE_PROTOCOL])) || "[]",
  ) as KernelRoute[];
  const present = all.filter(({ dev }) => dev !== DEVICE);
  const stale = present.filter(({ dst }) => ![...routes, ...left].some(({ cidr }) => cidr === dst));
  const missing = routes.filter(
    ({ cidr, via }) => !present.some(({ dst, gateway }) => dst === cidr && gateway === via),
  );
  const kept = await eachAlone(
    stale,
    ({ dst }) => `the route to ${dst} stays`,
    async ({ dst, dev }) => {
      await run(["ip", "-4", "route", "del", dst, ...(dev ? ["dev", dev] : []), "proto", ROUTE_PROTOCOL]);
    },
  );
  const refused = await eachAlone(missing, notReached, async ({ cidr, via }) => {
    await run(["ip", "-4", "route", "replace", cidr, "via", via, "proto", ROUTE_PROTOCOL]);
    log.info(`network: pods of ${cidr} are reached by ${via}`);
  });
  return [...kept, ...refused];
}

/** Takes back everything that the agent made in the kernel. @throws if a route stays */
export async function removeNetwork(): Promise<void> {
  const kept = await applyRoutes([]);
  await removeTunnel();
  await run(["nft", "-f", "-"], { input: `table ip ${TABLE}\ndelete table ip ${TABLE}\n` });
  if (kept.length > 0) throw new Error(kept.join("; "));
}
