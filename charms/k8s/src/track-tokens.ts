/** Join tokens: one for each unit that names its node, by a secret, until it has joined. For the leader. */
import { blocked, done, wait, type Outcome, type Relation, type Step, type Track } from "@cantrip/lib";
import { tolerantly } from "@cantrip/charm-node";
import type { Claim, TokenAllocator } from "@cantrip/relations/k8s-cluster";
import { NODE_KIND, type ControlPlane } from "./control-plane.ts";

const announce: Step<ControlPlane> = {
  name: "announce cluster",
  when: (unit) => unit.speaksForCluster(),
  async run({ own, clusterName, allocators, facts, unit }) {
    const version =
      own.manifest?.kubernetesVersion ?? (await own.ports.nodePackage.installed())?.kubernetesVersion;
    if (!version) return wait("the version of the node package");
    const cluster = { node: own.name, clusterName, nodeKind: NODE_KIND, version } as const;
    for (const allocator of allocators) await allocator.announce(cluster);
    await facts.peers?.settle(unit, own.name);
    return done;
  },
};

/** Every unit is served, whatever becomes of the others. */
const issueTokens: Step<ControlPlane> = {
  name: "issue join tokens",
  when: (unit) => unit.speaksForCluster(),
  async run(unit) {
    const outcomes: Outcome[] = [];
    for (const allocator of unit.facts.workers) {
      const claims = await allocator.claims({ clusterName: unit.clusterName, nodeKind: NODE_KIND });
      for (const claim of claims) outcomes.push(await serve(unit, allocator, claim));
    }
    const unmet = outcomes.filter(({ kind }) => kind !== "done");
    return unmet.find(({ kind }) => kind === "blocked") ?? unmet[0] ?? done;
  },
};

async function serve(
  unit: ControlPlane,
  allocator: TokenAllocator<Relation>,
  { unit: name, decision }: Claim,
): Promise<Outcome> {
  const { log } = unit.own.charm;
  switch (decision.kind) {
    case "not asked":
    case "in flight":
    case "settled":
      return done;
    case "elsewhere":
      log.info(`${name} belongs to cluster ${decision.cluster}`);
      return done;
    case "other kind":
      return blocked(`${name} runs node kind "${decision.nodeKind}", this cluster "${NODE_KIND}": remove it`);
    case "settle":
      await allocator.settle(name, decision.node);
      return done;
    case "replace":
      log.info(`${name} lost node ${decision.old}: removing it before ${decision.node} joins`);
      await unit.own.ports.service.removeNode({ name: decision.old, force: true });
      return issue(unit, allocator, { unit: name, node: decision.node });
    case "issue":
      return issue(unit, allocator, { unit: name, node: decision.node });
    case "reissue":
      return issue(unit, allocator, { unit: name, node: decision.node }, decision.revision);
    default:
      return decision satisfies never;
  }
}

async function issue(
  unit: ControlPlane,
  allocator: TokenAllocator<Relation>,
  claim: { unit: string; node: string },
  revision = 0,
): Promise<Outcome> {
  const departed = (await unit.shared!.departedNodes()).some(({ node }) => node === claim.node);
  if (departed) return wait(`the former node ${claim.node} to be removed`);
  const token = await unit.own.ports.service.createToken({ name: claim.node, worker: true });
  await allocator.issue({ ...claim, token }, revision);
  return done;
}

export const tokensTrack: Track<ControlPlane> = {
  name: "tokens",
  steps: tolerantly(announce, issueTokens),
};
