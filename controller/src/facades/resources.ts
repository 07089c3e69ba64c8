/** Resources: files that an operator supplies to a charm. Their bytes travel by HTTP; here is what is said about them. */
import type { Application, Resource } from "@cantrip/model";
import { defineFacade, type Connection, type FacadeMethod } from "../facade.ts";
import { charmOf } from "./application/deploy.ts";
import { unitsOf } from "./status/displayed.ts";
import { entityTags, items, text } from "./params.ts";
import { applicationIn, eachResult, idIn, modelOf, own, time, unitTag } from "./values.ts";

/** The application need not exist yet. */
const AddPendingResources: FacadeMethod = (connection, params) => {
  const application = idIn(text(params, "tag"), "application");
  const { uuid } = modelOf(connection);
  const names = items(params, "resources").map((resource) => text(resource, "name"));
  return {
    "pending-ids": names.map((name) => connection.controller.pendingResources.add(uuid, application, name)),
  };
};

const ListResources: FacadeMethod = async (connection, params) => ({
  results: await eachResult(entityTags(params), (tag) =>
    resourcesOf(connection, applicationIn(modelOf(connection), idIn(tag, "application"))),
  ),
});

function resourcesOf(connection: Connection, application: Application): object {
  const { metadata } = charmOf(connection, application.charmUrl);
  const described = metadata.resources.map((definition) => ({
    name: definition.name,
    type: definition.type,
    path: definition.filename ?? "",
    description: definition.description,
    origin: "upload",
    id: `${application.name}/${definition.name}`,
    "pending-id": "",
    application: application.name,
    ...uploadOf(own(application.resources, definition.name)),
  }));
  return {
    resources: described,
    "charm-store-resources": [],
    "unit-resources": unitsOf(modelOf(connection).state, application.name).map(({ name }) => ({
      tag: unitTag(name),
      resources: [],
      "download-progress": {},
    })),
  };
}

/** Juju shows the time of an upload as its revision; what was never uploaded has none. */
function uploadOf(resource: Resource | undefined): object {
  if (!resource)
    return { revision: 0, fingerprint: "", size: 0, username: "", timestamp: "0001-01-01T00:00:00Z" };
  return {
    revision: 0,
    fingerprint: Buffer.from(resource.sha384, "hex").toString("base64"),
    size: resource.size,
    username: "admin",
    timestamp: time(resource.uploadedAt),
  };
}

defineFacade({
  name: "Resources",
  versions: [3],
  on: "model",
  methods: { AddPendingResources, ListResources },
});
