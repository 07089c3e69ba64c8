/** ModelManager: models of this controller, made, described and destroyed. */
import { ApiError, defineFacade, type Connection, type FacadeMethod, type Params } from "../facade.ts";
import type { Controller, LiveModel } from "../models.ts";
import { modelInfo, modelStatusEntry, modelSummary, userModels } from "./describe/model.ts";
import { entityTags, flag, items, record, text } from "./params.ts";
import { sourceOf, eachResult, idIn } from "./values.ts";

const ListModelSummaries: FacadeMethod = ({ controller }) => ({
  results: controller.models.list().map((model) => ({ result: modelSummary(controller, model) })),
});

const ListModels: FacadeMethod = ({ controller }) => ({ "user-models": userModels(controller) });

const ModelInfo: FacadeMethod = async ({ controller }, params) => ({
  results: await eachResult(entityTags(params), (tag) => {
    const model = controller.models.get(idIn(tag, "model"));
    // Juju's answer for a model that does not exist is that of one that may not be seen
    if (!model) throw new ApiError("unauthorized access", "permission denied");
    return { result: modelInfo(controller, model) };
  }),
});

const CreateModel: FacadeMethod = async ({ controller }, params) => {
  const name = text(params, "name");
  if (controller.models.byName(name))
    throw new ApiError("already exists", `model "${name}" for admin already exists`);
  const model = await controller.models.create(name, { config: modelConfig(params) });
  return modelInfo(controller, model);
};

/** Keys and identity are not the configuration's to say. */
function modelConfig(params: Params): Record<string, string | number | boolean> {
  const { name: _name, uuid: _uuid, type: _type, ...given } = record(params, "config");
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => {
      if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
        return [key, value];
      throw new ApiError("bad request", `model config "${key}": expected a string, a number or a boolean`);
    }),
  );
}

const DestroyModels: FacadeMethod = async (connection, params) => ({
  results: await eachResult(items(params, "models"), (one) => destroyModel(connection, one)),
});

async function destroyModel(connection: Connection, given: Params): Promise<undefined> {
  const model = modelByTag(connection.controller, text(given, "model-tag"));
  await model.execute({ type: "destroy-model", force: flag(given, "force") }, sourceOf(connection));
  return undefined;
}

function modelByTag(controller: Controller, tag: string): LiveModel {
  const model = controller.models.get(idIn(tag, "model"));
  if (!model) throw new ApiError("not found", "model not found");
  return model;
}

export const ModelStatus: FacadeMethod = async ({ controller }, params) => ({
  models: await eachResult(entityTags(params), (tag) => modelStatusEntry(modelByTag(controller, tag))),
});

const ModelDefaultsForClouds: FacadeMethod = (_connection, params) => ({
  results: entityTags(params).map(() => ({ config: {} })),
});

defineFacade({
  name: "ModelManager",
  versions: [10],
  on: "controller",
  methods: {
    CreateModel,
    DestroyModels,
    ListModelSummaries,
    ListModels,
    ModelDefaultsForClouds,
    ModelInfo,
    ModelStatus,
  },
});
