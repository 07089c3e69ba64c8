/** Options of an application: those of its charm, and `trust`. */
import type { FacadeMethod, Connection, Params } from "../../facade.ts";
import { items, text, texts } from "../params.ts";
import { wireBase } from "../status/full-status.ts";
import { applicationIn, sourceOf, eachResult, modelOf } from "../values.ts";
import { charmOf } from "./deploy.ts";
import { givenSettings, wireSettings, wireTrust, type WireSetting } from "./settings.ts";

export const Get: FacadeMethod = (connection, params) => {
  const application = applicationIn(modelOf(connection), text(params, "application"));
  const charm = charmOf(connection, application.charmUrl);
  return {
    application: application.name,
    charm: charm.name,
    config: wireSettings(charm, application.settings),
    "application-config": wireTrust(application.trust),
    constraints: application.constraints,
    base: wireBase(application.base),
    channel: "",
    "endpoint-bindings": { "": "alpha", ...application.bindings },
  };
};

export const CharmConfig: FacadeMethod = async (connection, params) => ({
  Results: await eachResult(items(params, "args"), (one): { config: Record<string, WireSetting> } => {
    const application = applicationIn(modelOf(connection), text(one, "application"));
    return { config: wireSettings(charmOf(connection, application.charmUrl), application.settings) };
  }),
});

export const SetConfigs: FacadeMethod = async (connection, params) => ({
  results: await eachResult(items(params, "args"), (one) => setConfig(connection, one)),
});

async function setConfig(connection: Connection, given: Params): Promise<undefined> {
  const { name: application } = applicationIn(modelOf(connection), text(given, "application"));
  const { settings, trust } = givenSettings(given, application);
  if (Object.keys(settings).length > 0)
    await modelOf(connection).execute(
      { type: "set-config", application, settings, reset: [] },
      sourceOf(connection),
    );
  if (trust !== undefined) await setTrust(connection, application, trust);
  return undefined;
}

function setTrust(connection: Connection, application: string, trust: boolean): Promise<unknown> {
  return modelOf(connection).execute({ type: "set-trust", application, trust }, sourceOf(connection));
}

export const UnsetApplicationsConfig: FacadeMethod = async (connection, params) => ({
  results: await eachResult(items(params, "args"), (one) => unsetConfig(connection, one)),
});

async function unsetConfig(connection: Connection, given: Params): Promise<undefined> {
  const { name: application } = applicationIn(modelOf(connection), text(given, "application"));
  const options = texts(given, "options");
  const reset = options.filter((option) => option !== "trust");
  if (reset.length > 0)
    await modelOf(connection).execute(
      { type: "set-config", application, settings: {}, reset },
      sourceOf(connection),
    );
  if (options.includes("trust")) await setTrust(connection, application, false);
  return undefined;
}
