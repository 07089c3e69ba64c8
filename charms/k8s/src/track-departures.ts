/**
 * Nodes of units that have left. First every departed unit's node is moved from the bag of its relation, which may end any
 * moment, to the list in the peer relation, which does not; then the nodes on the list are removed. For the leader.
 */
import { done, wait, type Relation, type Step, type Track } from "@cantrip/lib";
import { NodeRefused, tolerantly, type NodeService } from "@cantrip/charm-node";
import type { DepartedNode, TokenAllocator } from "@cantrip/relations/k8s-cluster";
import type { ControlPlane } from "./control-plane.ts";
import { SeenUnits } from "./seen-units.ts";

const noteUnits: Step<ControlPlane> = {
  name: "note units",
  when: async (unit) => !(await unit.speaksForCluster()),
  async run({ own, allocators }) {
    const seen = new SeenUnits(own.charm.stored);
    for (const { relation } of allocators) seen.note(relation.id, await relation.units());
    return done;
  },
};

const noteDepartures: Step<ControlPlane> = {
  name: "note departures",
  when: (unit) => unit.speaksForCluster(),
  async run({ own, allocators, facts, shared, unit }) {
    const seen = new SeenUnits(own.charm.stored);
    const nodes = [...(await shared!.departedNodes())];
    for (const allocator of allocators) {
      const gone = seen.departed(allocator.relation.id, {
        present: [unit, ...(await allocator.relation.units())],
        recorded: [...(await allocator.appBag()).states.keys()],
      });
      nodes.push(...(await forget(allocator, gone)));
    }
    if (facts.ending) nodes.push(...(await release(facts.ending)));
    await shared!.setDepartedNodes(unique(nodes));
    return done;
  },
};

async function forget(
  allocator: TokenAllocator<Relation>,
  units: readonly string[],
): Promise<DepartedNode[]> {
  const { states } = await allocator.appBag();
  const nodes: DepartedNode[] = [];
  for (const unit of units) {
    const state = states.get(unit);
    if (state) nodes.push({ node: state.node, force: state.phase === "pending" });
    await allocator.forget(unit);
  }
  return nodes;
}

/** A relation that is being broken takes its bag along: all of its nodes have to go, only their secrets are ours. */
async function release(ending: TokenAllocator<Relation>): Promise<DepartedNode[]> {
  const { states } = await ending.appBag();
  for (const unit of states.keys()) await ending.release(unit);
  return [...states.values()].map(({ node, phase }) => ({ node, force: phase === "pending" }));
}

const removeNodes: Step<ControlPlane> = {
  name: "remove departed nodes",
  when: async (unit) => (await unit.speaksForCluster()) && (await unit.shared!.departedNodes()).length > 0,
  async run({ own, shared }) {
    const left: DepartedNode[] = [];
    for (const departed of await shared!.departedNodes()) {
      own.charm.log.info(`removing node ${departed.node}: its unit has left`);
      const failure = await removeNode(own.ports.service, departed);
      if (failure) left.push(departed);
      if (failure) own.charm.log.warning(failure.message);
    }
    await shared!.setDepartedNodes(left);
    if (left.length === 0) return done;
    own.wakeAfter(RETRY_SECONDS);
    return wait(`nodes of departed units to be removed: ${left.map(({ node }) => node).join(", ")}`);
  },
};

const RETRY_SECONDS = 10;

/** Gracefully first; a node whose unit is gone has to go in any case. */
async function removeNode(
  service: NodeService,
  { node: name, force }: DepartedNode,
): Promise<Error | undefined> {
  try {
    await service.removeNode({ name, force }).catch((error: unknown) => {
      if (force || !(error instanceof NodeRefused)) throw error;
      return service.removeNode({ name, force: true });
    });
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function unique(nodes: readonly DepartedNode[]): DepartedNode[] {
  return [...new Map(nodes.map((departed) => [departed.node, departed])).values()];
}

export const departuresTrack: Track<ControlPlane> = {
  name: "departures",
  steps: tolerantly(noteUnits, noteDepartures, removeNodes),
};
