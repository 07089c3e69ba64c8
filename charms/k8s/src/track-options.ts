/** Options that cannot hold, or no longer: the operator hears of it whatever else is going on. */
import { blocked, done, type Step, type Track } from "@cantrip/lib";
import { tolerantly } from "@cantrip/charm-node";
import type { ControlPlane } from "./control-plane.ts";

const checkOptions: Step<ControlPlane> = {
  name: "check options",
  run: ({ facts: { options } }) => (options.ok ? done : blocked(options.problem)),
};

/** What a cluster is made with cannot change; emptying an option is always accepted. */
const checkImmutable: Step<ControlPlane> = {
  name: "check bootstrap options",
  when: ({ own, facts }) => facts.peers !== undefined && own.isMember(),
  async run(unit) {
    const config = await unit.own.charm.model.config();
    const { datastore, "pod-cidr": podCidr, "service-cidr": serviceCidr } = await unit.storedConfig();
    const stored = [
      ["bootstrap-datastore", datastore.type === "etcd" ? "managed-etcd" : "etcd"],
      ["bootstrap-pod-cidr", podCidr],
      ["bootstrap-service-cidr", serviceCidr],
    ] as const;
    const changed = stored.find(([option, value]) => config[option] !== "" && config[option] !== value);
    return changed ? blocked(`${changed[0]} is immutable; revert to '${changed[1]}'`) : done;
  },
};

export const optionsTrack: Track<ControlPlane> = { name: "options", steps: [checkOptions] };

export const bootstrapOptionsTrack: Track<ControlPlane> = {
  name: "bootstrap options",
  steps: tolerantly(checkImmutable),
};
