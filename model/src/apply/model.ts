import type { ModelEvents } from "../events.ts";
import { amend, copy, put } from "../records.ts";
import type { Appliers } from "./appliers.ts";

export const modelEvents: Appliers<ModelEvents["type"]> = {
  "model-config-set": (state, { set, reset }) => amend(state.config, set, reset),
  "model-constraints-set": (state, { constraints }) => {
    state.constraints = copy(constraints);
  },
  "model-life-set": (state, { life }) => {
    state.life = life;
  },
  // Charms are never changed in place, so that drafts of the state may share them.
  "charm-added": ({ charms, counters }, { charm }) => {
    put(charms, charm.url, charm);
    put(counters.charmRevision, charm.name, charm.revision + 1);
  },
};
