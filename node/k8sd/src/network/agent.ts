/**
 * The feature `network` on one node (decision 12): CNI configuration, routes to the other nodes' pods, masquerade.
 * Nodes must share one link for now; one that does not is named in `problems` and gets no route.
 */
import { writeFile } from "node:fs/promises";
import { Coalesced } from "../base/coalesce.ts";
import { messageOf } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { run } from "../base/run.ts";
import type { NodeObject } from "../kube/client.ts";
import { writeCniConfig } from "./cni.ts";
import { masqueradeRules, planFor, TABLE, type NetworkPlan, type Route } from "./plan.ts";

/** Marks our routes, so that no other route is ever touched. */
const ROUTE_PROTOCOL = "158";
const VERIFY_EVERY_MS = 60_000;

export class NetworkAgent {
  readonly #paths: Paths;
  readonly #identity: Identity;
  readonly #timer: NodeJS.Timeout;
  #nodes: readonly NodeObject[] = [];
  #applied = "";
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
    if (await writeCniConfig(this.#paths, podCidr))
      log.info(`network: this node's pods get addresses of ${podCidr}`);
    await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
    await run(["nft", "-f", "-"], { input: masqueradeRules(this.#identity.settings.podCidr, nodes) });
    return applyRoutes(routes);
  }
}

interface KernelRoute {
  readonly dst: string;
  readonly gateway?: string;
}

/** Makes our routes exactly these; returns what is wrong with the ones that cannot be made. */
export async function applyRoutes(routes: readonly Route[]): Promise<string[]> {
  const present = JSON.parse(
    (await run(["ip", "-json", "-4", "route", "show", "proto", ROUTE_PROTOCOL])) || "[]",
  ) as KernelRoute[];
  const isWanted = ({ dst, gateway }: KernelRoute) =>
    routes.some(({ cidr, via }) => cidr === dst && via === gateway);
  const stale = present.filter((route) => !isWanted(route) && !routes.some(({ cidr }) => cidr === route.dst));
  for (const { dst } of stale) await run(["ip", "-4", "route", "del", dst, "proto", ROUTE_PROTOCOL]);
  const missing = routes.filter(
    ({ cidr, via }) => !present.some(({ dst, gateway }) => dst === cidr && gateway === via),
  );
  return (await Promise.all(missing.map(addRoute))).flat();
}

async function addRoute({ cidr, via }: Route): Promise<string[]> {
  const [way] = JSON.parse(await run(["ip", "-json", "-4", "route", "get", via])) as { gateway?: string }[];
  if (way?.gateway)
    return [
      `node ${via} is behind ${way.gateway}, not on this node's link: nodes on several links are not supported yet`,
    ];
  await run(["ip", "-4", "route", "replace", cidr, "via", via, "proto", ROUTE_PROTOCOL]);
  log.info(`network: pods of ${cidr} are reached by ${via}`);
  return [];
}

/** Takes back everything that the agent made in the kernel. */
export async function removeNetwork(): Promise<void> {
  await applyRoutes([]);
  await run(["nft", "-f", "-"], { input: `table ip ${TABLE}\ndelete table ip ${TABLE}\n` });
}
