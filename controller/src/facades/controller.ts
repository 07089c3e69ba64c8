/** Controller: what it is, where it is, which models it has. */
import { ApiError, defineFacade, type FacadeMethod } from "../facade.ts";
import { userModels } from "./describe/model.ts";
import { ModelStatus } from "./model-manager.ts";
import { entityTags } from "./params.ts";
import { eachResult, idIn } from "./values.ts";

const ControllerAPIInfoForModels: FacadeMethod = async ({ controller }, params) => ({
  results: await eachResult(entityTags(params), () => ({
    addresses: [...controller.addresses],
    cacert: controller.caCert,
  })),
});

const ControllerConfig: FacadeMethod = ({ controller }) => ({
  config: {
    "controller-name": controller.name,
    "controller-uuid": controller.uuid,
    "api-port": Number(controller.addresses[0]?.split(":").at(-1) ?? 0),
  },
});

const GetControllerAccess: FacadeMethod = async (_connection, params) => ({
  results: await eachResult(entityTags(params), (tag) => {
    if (idIn(tag, "user") !== "admin")
      throw new ApiError("not found", `user "${idIn(tag, "user")}" not found`);
    return { result: { "user-tag": tag, access: "superuser" } };
  }),
});

defineFacade({
  name: "Controller",
  versions: [11, 12],
  methods: {
    AllModels: ({ controller }) => ({ "user-models": userModels(controller) }),
    ControllerAPIInfoForModels,
    ControllerConfig,
    ControllerVersion: ({ controller }) => ({ version: controller.version, "git-commit": "" }),
    GetControllerAccess,
    IdentityProviderURL: () => ({ result: "" }),
    ModelStatus,
  },
});
