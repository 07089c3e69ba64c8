/** One cluster, made by one unit: claimed in one hook, made in a later one (decision 7). */
import { isIPv6 } from "node:net";
import { ToolError, blocked, done, wait, type Outcome, type Step } from "@cantrip/lib";
import { NodeRefused, endpoint, nodeAddress, type BootstrapOrder } from "@cantrip/charm-node";
import { K8SD_PORT } from "@cantrip/metadata/k8sd";
import { BootstrapClaim, decideBootstrap, type BootstrapDecision } from "@cantrip/relations/k8s-cluster";
import { bootstrapConfig } from "./cluster-config.ts";
import type { ControlPlane } from "./control-plane.ts";

/** The hook after leader-elected usually comes by itself; this is for a unit that becomes leader later. */
const NEXT_HOOK_SECONDS = 5;
const UNFINISHED_SECONDS = 2;

/** Ends the track in every hook but one in which this unit may bootstrap. */
export const claimBootstrap: Step<ControlPlane> = {
  name: "claim bootstrap",
  when: async ({ own }) => !(await own.isMember()),
  async run(unit) {
    const decision = await decide(unit);
    return obey(unit, decision);
  },
};

async function decide({ facts, shared, unit }: ControlPlane): Promise<BootstrapDecision> {
  const peers = facts.peers!.relation;
  const joined = [
    ...(await BootstrapClaim.joinedOn(peers, unit)),
    ...(await Promise.all(facts.workers.map(({ relation }) => BootstrapClaim.joinedOn(relation)))).flat(),
  ];
  return decideBootstrap({
    unit,
    isLeader: facts.isLeader,
    claimedBy: await shared!.claimedBy(),
    units: [unit, ...(await peers.units())],
    joined,
  });
}

async function obey({ shared, unit, own }: ControlPlane, decision: BootstrapDecision): Promise<Outcome> {
  switch (decision.kind) {
    case "bootstrap":
      return done;
    case "claim":
      await shared!.claim(unit);
      own.wakeAfter(NEXT_HOOK_SECONDS);
      return wait("the next hook, to bootstrap the cluster");
    case "wait":
      return decision.claimedBy
        ? blocked(
            `More than one control plane is not available yet (${decision.claimedBy} has the cluster): remove this unit`,
          )
        : wait("a leader to claim the bootstrap");
    case "orphans":
      return blocked(
        `${decision.units.join(", ")} joined a cluster that this node is not part of: remove them, or their relation, first`,
      );
    default:
      return decision satisfies never;
  }
}

export const bootstrap: Step<ControlPlane> = {
  name: "bootstrap cluster",
  async run(unit) {
    const { own, facts } = unit;
    const identity = await own.identity();
    if (identity.kind === "member") return finished(unit, identity.role);
    if (!facts.options.ok) return wait("valid options, to bootstrap the cluster");
    const address = nodeAddress(await own.charm.model.binding("cluster"));
    if (!address) return wait("an address on the binding of cluster");
    const config = bootstrapConfig(facts.options.options, { address, sans: await subjects(unit, address) });
    own.forgetIdentity();
    return attempt(unit, { name: own.name, address: endpoint(address, K8SD_PORT), config });
  },
};

/** What k8sd finds wrong with the order itself will be wrong again: that is for the operator. */
async function attempt({ own }: ControlPlane, order: BootstrapOrder): Promise<Outcome> {
  try {
    await own.ports.service.bootstrap(order);
    return done;
  } catch (error) {
    if (error instanceof NodeRefused && error.code === 400) return blocked(error.message);
    throw error;
  }
}

/** The addresses by which the API server is reached, for its certificate. A unit may have no public one; k8sd takes no IPv6 yet. */
async function subjects({ own }: ControlPlane, address: string): Promise<string[]> {
  const unknown = (error: unknown) => {
    if (error instanceof ToolError) return address;
    throw error;
  };
  const shown = await own.charm.model.unit.publicAddress().catch(unknown);
  return [...new Set([address, shown])].filter((subject) => !isIPv6(subject));
}

/** A bootstrap that outlived its hook is not repeated but waited for. */
function finished({ own }: ControlPlane, role: string): Outcome {
  if (role !== "unknown") return done;
  own.wakeAfter(UNFINISHED_SECONDS);
  return wait(`k8sd to finish what it is doing with node ${own.name}`);
}
