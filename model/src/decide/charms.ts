import { named } from "@cantrip/metadata";
import type { Deciders, Draft } from "../draft.ts";
import { findApplication, findCharm, relationKey, relationsOf, endpointFor } from "../entities.ts";
import { ModelError } from "../errors.ts";
import { own, put } from "../records.ts";
import type { Application, Charm, ConfigValue, Resource } from "../state.ts";
import { charmOf } from "../settings.ts";
import { refuseUnsupported } from "./support.ts";
import { typedSettings } from "./options.ts";
import { addPeerRelations } from "./integrate.ts";

export const charmCommands: Pick<Deciders, "add-charm" | "set-charm" | "set-resource"> = {
  "add-charm": (draft, { charm }) => {
    if (own(draft.state.charms, charm.url))
      throw new ModelError("already exists", `charm ${JSON.stringify(charm.url)} already exists`);
    draft.emit({ type: "charm-added", charm });
  },
  "set-charm": (draft, command) => {
    const application = findApplication(draft.state, command.application);
    const charm = findCharm(draft.state, command.charmUrl);
    refuseUnsupported(draft.state, charm);
    refuseBreaking(draft, application, charm);
    const settings = keptSettings(draft, application, charm, command.settings ?? {});
    setResources(draft, application.name, charm, command.resources ?? {}, true);
    draft.emit({
      type: "application-charm-set",
      application: application.name,
      charmUrl: charm.url,
      forced: command.forceUnits ?? false,
      settings,
    });
    addPeerRelations(draft, application.name, charm);
  },
  "set-resource": (draft, { application: name, resource }) => {
    const application = findApplication(draft.state, name);
    const charm = charmOf(draft.state, application);
    if (own(application.resources, resource.name)?.sha256 === resource.sha256) return;
    if (charm) setResources(draft, name, charm, { [resource.name]: resource }, false);
  },
};

export function setResources(
  draft: Draft,
  application: string,
  charm: Charm,
  resources: Record<string, Resource>,
  quiet: boolean,
): void {
  for (const resource of Object.values(resources)) {
    if (!named(charm.metadata.resources, resource.name))
      throw new ModelError("not found", `resource ${JSON.stringify(resource.name)} not found`);
    draft.emit({ type: "application-resource-set", application, resource, quiet });
  }
}

function refuseBreaking(draft: Draft, application: Application, charm: Charm): void {
  const what = `cannot upgrade application ${JSON.stringify(application.name)} to charm ${JSON.stringify(charm.url)}`;
  const present = charmOf(draft.state, application);
  if (present && present.name !== charm.name)
    throw new ModelError("bad request", `${what}: expected charm ${JSON.stringify(present.name)}`);
  if (present && present.metadata.subordinate !== charm.metadata.subordinate)
    throw new ModelError("bad request", `${what}: would change whether it is subordinate`);
  for (const relation of relationsOf(draft.state, application.name)) {
    const used = endpointFor(relation, application.name);
    const offered = used && named(charm.metadata.endpoints, used.name);
    const isImplicit = used?.name === "juju-info";
    if (isImplicit || (offered?.interface === used?.interface && offered?.role === used?.role)) continue;
    throw new ModelError(
      "bad request",
      `${what}: would break relation ${JSON.stringify(relationKey(relation))}`,
    );
  }
}

/** Values of options that still exist with the same type; others are dropped. */
function keptSettings(
  draft: Draft,
  application: Application,
  charm: Charm,
  given: Record<string, ConfigValue>,
): Record<string, ConfigValue> {
  const before = charmOf(draft.state, application);
  const kept: Record<string, ConfigValue> = {};
  for (const [name, value] of Object.entries(application.settings)) {
    const type = named(charm.config.options, name)?.type;
    if (type !== undefined && type === named(before?.config.options ?? [], name)?.type)
      put(kept, name, value);
  }
  for (const [name, value] of Object.entries(typedSettings(charm, given))) put(kept, name, value);
  return kept;
}
