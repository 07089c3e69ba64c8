import type { Deciders } from "../draft.ts";
import { findApplication } from "../entities.ts";
import { ModelError } from "../errors.ts";
import { own } from "../records.ts";
import { charmOf } from "../settings.ts";
import { findOption, typedSettings } from "./options.ts";

export const applicationCommands: Pick<Deciders, "set-config" | "set-trust" | "expose"> = {
  "set-config": (draft, { application: name, settings, reset }) => {
    const application = findApplication(draft.state, name);
    const charm = charmOf(draft.state, application);
    if (!charm) throw new ModelError("not found", `charm ${JSON.stringify(application.charmUrl)} not found`);
    const typed = typedSettings(charm, settings);
    for (const option of reset) findOption(charm, option);
    const set = Object.fromEntries(
      Object.entries(typed).filter(([key, value]) => own(application.settings, key) !== value),
    );
    const removed = reset.filter(
      (key) => Object.hasOwn(application.settings, key) && !Object.hasOwn(typed, key),
    );
    if (Object.keys(set).length === 0 && removed.length === 0) return;
    draft.emit({ type: "application-config-set", application: name, set, reset: removed });
  },
  "set-trust": (draft, { application: name, trust }) => {
    const application = findApplication(draft.state, name);
    if (application.trust !== trust) draft.emit({ type: "application-trust-set", application: name, trust });
  },
  expose: (draft, { application: name, exposed }) => {
    const application = findApplication(draft.state, name);
    if (application.exposed !== exposed)
      draft.emit({ type: "application-exposed-set", application: name, exposed });
  },
};
