import type { ApplicationEvents } from "../events.ts";
import { amend, copy, own, put } from "../records.ts";
import type { Application, ModelState } from "../state.ts";
import type { Appliers } from "./appliers.ts";

type Change<Event> = (application: Application, event: Event, state: ModelState) => void;
const on =
  <Event extends { application: string }>(change: Change<Event>) =>
  (state: ModelState, event: Event): void => {
    const application = own(state.applications, event.application);
    if (application) change(application, event, state);
  };

export const applicationEvents: Appliers<ApplicationEvents["type"]> = {
  "application-added": (state, { application }) =>
    put(state.applications, application.name, copy(application)),
  "application-life-set": on((application, { life }) => {
    application.life = life;
  }),
  "application-removed": on(({ name }, _, state) => {
    delete state.applications[name];
    for (const secret of Object.values(state.secrets))
      secret.grants = secret.grants.filter(({ subject }) => subject !== name);
  }),
  "application-config-set": on((application, { set, reset }) => amend(application.settings, set, reset)),
  "application-trust-set": on((application, { trust }) => {
    application.trust = trust;
  }),
  "application-exposed-set": on((application, { exposed }) => {
    application.exposed = exposed;
  }),
  "application-constraints-set": on((application, { constraints }) => {
    application.constraints = copy(constraints);
  }),
  "application-charm-set": on((application, { charmUrl, forced, settings }) => {
    application.charmUrl = charmUrl;
    application.charmForced = forced;
    application.settings = copy(settings);
    application.charmModifiedVersion += 1;
  }),
  "application-resource-set": on((application, { resource, quiet }) => {
    put(application.resources, resource.name, copy(resource));
    if (quiet) return;
    application.charmForced = false;
    application.charmModifiedVersion += 1;
  }),
  "application-status-set": on((application, { status }) => {
    application.status = copy(status);
  }),
  "leader-elected": on((application, { unit }) => {
    application.leader = unit;
  }),
  /** Resigning is silent: the unit forgets at once, so that leading again runs leader-elected again. */
  "leader-deposed": on((application, { unit }, state) => {
    if (application.leader === unit) delete application.leader;
    const deposed = own(state.units, unit);
    if (deposed) deposed.uniter.leader = false;
  }),
  "leader-settings-set": on((application, { set, remove, unit }, state) => {
    amend(application.leaderSettings.values, set, remove);
    application.leaderSettings.version += 1;
    const writer = own(state.units, unit);
    if (writer) writer.uniter.leaderSettingsVersion = application.leaderSettings.version;
  }),
};
