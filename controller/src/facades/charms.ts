/** Charms that were uploaded. There is no charm store: names are not resolved. */
import type { Charm } from "@cantrip/model";
import { ApiError, defineFacade, type FacadeMethod } from "../facade.ts";
import { wireActions } from "./action.ts";
import { charmOf } from "./application/deploy.ts";
import { wireBase } from "./status/full-status.ts";
import { items, text } from "./params.ts";
import { eachResult, modelOf } from "./values.ts";

const CharmInfo: FacadeMethod = (connection, params) => charmInfo(charmOf(connection, text(params, "url")));

function charmInfo(charm: Charm): object {
  return {
    revision: charm.revision,
    url: charm.url,
    config: Object.fromEntries(
      charm.config.options.map(({ name, type, description, default: byDefault }) => [
        name,
        { type, description, ...(byDefault === undefined ? {} : { default: byDefault }) },
      ]),
    ),
    meta: charmMeta(charm),
    actions: { specs: wireActions(charm) },
    manifest: {
      bases: (charm.manifest?.bases ?? []).map(({ name, channel, architectures }) => ({
        ...wireBase({ name, channel }),
        architectures,
      })),
    },
  };
}

function charmMeta({ metadata }: Charm): object {
  return {
    name: metadata.name,
    summary: metadata.summary,
    description: metadata.description,
    subordinate: metadata.subordinate,
    provides: endpoints(metadata, "provider"),
    requires: endpoints(metadata, "requirer"),
    peers: endpoints(metadata, "peer"),
    "extra-bindings": Object.fromEntries(metadata.extraBindings.map((name) => [name, name])),
    storage: {},
    resources: Object.fromEntries(
      metadata.resources.map(({ name, type, filename = "", description }) => [
        name,
        { name, type, path: filename, description },
      ]),
    ),
    "min-juju-version": "0.0.0",
  };
}

function endpoints({ endpoints: all }: Charm["metadata"], wanted: string): Record<string, object> {
  return Object.fromEntries(
    all
      .filter(({ role }) => role === wanted)
      .map(({ name, role, interface: iface, optional, limit = 0, scope }) => [
        name,
        { name, role, interface: iface, optional, limit, scope },
      ]),
  );
}

const ResolveCharms: FacadeMethod = async (_connection, params) => ({
  results: await eachResult(items(params, "resolve"), (one) => {
    const reference = text(one, "reference").slice(0, 120);
    throw new ApiError(
      "not found",
      `charm "${reference}" not found: there is no charm store, deploy a local .charm file`,
    );
  }),
});

const ListCharms: FacadeMethod = (connection) => ({
  "charm-urls": Object.keys(modelOf(connection).state.charms).toSorted(),
});

defineFacade({
  name: "Charms",
  versions: [6, 7],
  on: "model",
  methods: { CharmInfo, ListCharms, ResolveCharms },
});
