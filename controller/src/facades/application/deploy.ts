/** Application.Deploy and SetCharm: what names a charm, its settings and its uploaded resources. */
import type { Base, Charm, Resource } from "@cantrip/model";
import { ApiError, lenient, type Connection, type FacadeMethod, type Params } from "../../facade.ts";
import { items, optionalText, record, text, textRecord, wholeNumber, flag } from "../params.ts";
import { applicationIn, sourceOf, eachResult, modelOf, notFound, own } from "../values.ts";
import { wireBase } from "../status/full-status.ts";
import { givenSettings } from "./settings.ts";

/** A larger number is a mistake: nobody starts more machines at once. */
export const mostUnitsAtOnce = 1000;
/** For charms whose manifest names none. */
const defaultBase: Base = { name: "ubuntu", channel: "24.04" };

export const Deploy: FacadeMethod = async (connection, params) => ({
  results: await eachResult(items(params, "applications"), (one) => deployOne(connection, one)),
});

async function deployOne(connection: Connection, given: Params): Promise<undefined> {
  const model = modelOf(connection);
  const application = text(given, "application");
  const charm = charmOf(connection, text(given, "charm-url"));
  refuseStorage(given);
  const { settings, trust = false } = givenSettings(given, application);
  const { resources, used } = uploaded(connection, charm, textRecord(given, "resources"), application);
  const units = wholeNumber(given, "num-units", { max: mostUnitsAtOnce });
  await model.execute(
    {
      type: "deploy",
      application,
      charmUrl: charm.url,
      units: charm.metadata.subordinate ? 0 : units,
      base: baseOf(given, charm),
      settings,
      constraints: record(given, "constraints"),
      placement: placements(given),
      bindings: textRecord(given, "endpoint-bindings"),
      resources,
      trust,
    },
    sourceOf(connection),
  );
  for (const id of used) connection.controller.pendingResources.take(id);
  return undefined;
}

/** Storage is not served yet: asking for it is refused rather than forgotten. */
function refuseStorage(given: Params): void {
  const asked = [...Object.keys(record(given, "storage")), ...Object.keys(record(given, "devices"))];
  const attached =
    items({ a: [] }, "a").length + ((given["attach-storage"] as unknown[] | undefined)?.length ?? 0);
  if (asked.length > 0 || attached > 0)
    throw new ApiError("not supported", "storage directives are not supported yet");
}

/** @throws ApiError "not found" */
export function charmOf(connection: Connection, url: string): Charm {
  const { state } = modelOf(connection);
  return own(state.charms, url) ?? notFound(`charm "${url.slice(0, 120)}"`);
}

function baseOf(given: Params, charm: Charm): Base {
  const base = lenient(lenient(given["charm-origin"])["base"]);
  const name = optionalText(base, "name");
  const channel = optionalText(base, "channel");
  if (name && channel) return { name, channel: channel.replace(/\/stable$/, "") };
  const [first = defaultBase] = charm.manifest?.bases ?? [];
  return { name: first.name, channel: first.channel.replace(/\/stable$/, "") };
}

/** `{"scope":"#","directive":"0"}` → `0`, `{"scope":"lxd","directive":"0"}` → `lxd:0`, the model's own scope: the directive. */
export function placements(params: Params): string[] {
  return items(params, "placement").map((placement) => {
    const scope = optionalText(placement, "scope") ?? "";
    const directive = optionalText(placement, "directive") ?? "";
    const isPlain = scope === "#" || scope === "" || /^[0-9a-f]{8}-/.test(scope);
    return isPlain ? directive : directive === "" ? scope : `${scope}:${directive}`;
  });
}

/** Pending uploads by resource name → the resources. @throws ApiError when one is unknown, unfinished or another's */
export function uploaded(
  connection: Connection,
  charm: Charm,
  pending: Record<string, string>,
  application: string,
): { resources: Record<string, Resource>; used: string[] } {
  const resources: Record<string, Resource> = {};
  const used: string[] = [];
  for (const [name, id] of Object.entries(pending)) {
    if (!charm.metadata.resources.some((resource) => resource.name === name))
      throw new ApiError("bad request", `unrecognized resource "${name}"`);
    const found = connection.controller.pendingResources.get(id);
    const isMine =
      found?.modelUuid === modelOf(connection).uuid &&
      found.application === application &&
      found.name === name;
    if (!found || !isMine) notFound(`pending resource "${application}/${name}" (${id.slice(0, 80)})`);
    // one that was announced but never uploaded stays unset, as with Juju: resource-get says so
    if (found.resource) resources[name] = found.resource;
    used.push(id);
  }
  return { resources, used };
}

export const SetCharm: FacadeMethod = async (connection, params) => {
  const application = text(params, "application");
  const model = modelOf(connection);
  applicationIn(model, application);
  const charm = charmOf(connection, text(params, "charm-url"));
  const { settings } = givenSettings(params, application, {
    config: "config-settings",
    yaml: "config-settings-yaml",
  });
  const { resources, used } = uploaded(connection, charm, textRecord(params, "resource-ids"), application);
  await model.execute(
    {
      type: "set-charm",
      application,
      charmUrl: charm.url,
      forceUnits: flag(params, "force-units"),
      settings,
      resources,
    },
    sourceOf(connection),
  );
  for (const id of used) connection.controller.pendingResources.take(id);
};

export const GetCharmURLOrigin: FacadeMethod = (connection, params) => {
  const application = applicationIn(modelOf(connection), text(params, "application"));
  const charm = charmOf(connection, application.charmUrl);
  return { url: charm.url, "charm-origin": charmOrigin(charm, application.base) };
};

export function charmOrigin(charm: Charm, base: Base): Record<string, unknown> {
  return {
    source: "local",
    type: "charm",
    id: "",
    hash: "",
    risk: "",
    revision: charm.revision,
    track: null,
    branch: null,
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    base: wireBase(base),
    "instance-key": "",
  };
}
