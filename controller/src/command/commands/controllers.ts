/** The client's own knowledge of controllers, and what they say of themselves. */
import type { Run } from "../catalogue.ts";
import { currentModel } from "../target.ts";
import { CommandError } from "../errors.ts";
import { emit } from "../output.ts";
import { table } from "../table.ts";

export const controllers: Run = async (context) => {
  const { files, io, options } = context;
  const file = files.controllers();
  const accounts = files.accounts();
  const names = Object.keys(file.controllers).toSorted();
  if (names.length === 0)
    throw new CommandError(`no controller is known in ${files.directory}: start one with "cantrip up"`);
  const entries = names.map((name) => {
    const entry = file.controllers[name];
    const account = accounts.controllers[name];
    return {
      name,
      model: currentModel(files, name),
      user: account?.user,
      access: account?.["last-known-access"],
      cloud: `${entry?.cloud ?? ""}${entry?.region ? `/${entry.region}` : ""}`,
      version: entry?.["agent-version"],
      uuid: entry?.uuid,
      endpoints: entry?.["api-endpoints"],
      ca: entry?.["ca-cert"],
    };
  });
  const document = {
    controllers: Object.fromEntries(
      entries.map((e) => [
        e.name,
        {
          "current-model": e.model,
          user: e.user,
          access: e.access,
          uuid: e.uuid,
          "api-endpoints": e.endpoints,
          "ca-cert": e.ca,
          cloud: e.cloud.split("/")[0],
          region: e.cloud.split("/")[1],
          "agent-version": e.version,
        },
      ]),
    ),
    "current-controller": file["current-controller"],
  };
  const head = ["Controller", "Model", "User", "Access", "Cloud/Region", "Models", "Nodes", "HA", "Version"];
  const rows = entries.map((e) => [
    `${e.name}${e.name === file["current-controller"] ? "*" : ""}`,
    shortName(e.model, e.user) ?? "-",
    e.user,
    e.access,
    e.cloud,
    Object.keys(files.models().controllers[e.name]?.models ?? {}).length,
    1,
    "none",
    e.version,
  ]);
  emit(io, options, document, () => table(head, rows, { right: ["Models", "Nodes", "HA"] }));
};

/** One's own models need no owner before them. */
const shortName = (model: string | undefined, user: string | undefined): string | undefined =>
  model?.replace(`${user ?? ""}/`, "");

export const whoami: Run = async (context) => {
  const { name, account } = context.target();
  const model = shortName(currentModel(context.files, name), account.user);
  const document = { controller: name, ...(model === undefined ? {} : { model }), user: account.user };
  emit(context.io, context.options, document, () =>
    table(
      ["Controller:", name],
      [
        ["Model:", model ?? "<no-current-model>"],
        ["User:", account.user],
      ],
    ),
  );
};

export const showController: Run = async (context, [name]) => {
  const target = name === undefined ? context.target() : await named(context, name);
  const api = await context.controllerApi(target);
  const { version } = await api.call<{ version: string }>("Controller", "ControllerVersion");
  const models = await context.refreshModels(target);
  const { controller, account } = target;
  const model = currentModel(context.files, target.name);
  const document = {
    details: {
      "controller-uuid": controller.uuid,
      "api-endpoints": controller["api-endpoints"],
      cloud: controller.cloud,
      ...(controller.region ? { region: controller.region } : {}),
      "agent-version": version,
      "ca-cert": controller["ca-cert"],
    },
    models: Object.fromEntries(
      Object.entries(models).map(([full, { uuid }]) => [
        shortName(full, account.user),
        { "model-uuid": uuid },
      ]),
    ),
    ...(model === undefined ? {} : { "current-model": model }),
    account: {
      user: account.user,
      access: "superuser",
      ...(context.options["showPassword"] === true ? { password: account.password } : {}),
    },
  };
  emit(context.io, context.options, { [target.name]: document });
};

async function named(
  { files }: Parameters<Run>[0],
  name: string,
): Promise<ReturnType<Parameters<Run>[0]["target"]>> {
  const { controllerTarget } = await import("../target.ts");
  return controllerTarget(files, name);
}
