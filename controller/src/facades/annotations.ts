/** Annotations: small notes of clients on entities. They are no part of the model. */
import { defineFacade, type Connection, type FacadeMethod } from "../facade.ts";
import { entityTags, items, text, textRecord } from "./params.ts";
import { applicationIn, eachResult, idIn, machineIn, modelOf, notFound, parseTag, unitIn } from "./values.ts";

function known(connection: Connection, tag: string): string {
  const model = modelOf(connection);
  const { kind } = parseTag(tag);
  const id = idIn(tag, kind);
  if (kind === "application") applicationIn(model, id);
  else if (kind === "unit") unitIn(model, id);
  else if (kind === "machine") machineIn(model, id);
  else if (kind !== "model" || id !== model.uuid) notFound(`entity "${tag.slice(0, 80)}"`);
  return tag;
}

/** `error` is an object even where there is none: a client of Juju's reads it unchecked (R2). */
const Get: FacadeMethod = async (connection, params) => {
  const tags = entityTags(params);
  const { annotations } = connection.controller;
  const results = await eachResult(tags, (tag) => ({
    annotations: annotations.get(modelOf(connection).uuid, known(connection, tag)),
  }));
  return {
    results: results.map((result, index) => ({ entity: tags[index], annotations: {}, error: {}, ...result })),
  };
};

const Set: FacadeMethod = async (connection, params) => ({
  results: await eachResult(items(params, "annotations"), (one) => {
    const tag = known(connection, text(one, "entity"));
    connection.controller.annotations.set(modelOf(connection).uuid, tag, textRecord(one, "annotations"));
    return undefined;
  }),
});

defineFacade({ name: "Annotations", versions: [2], on: "model", methods: { Get, Set } });
