import type { Run } from "../catalogue.ts";
import { localCharm } from "../charm-file.ts";
import { CommandError, UsageError } from "../errors.ts";
import { checkSettings, givenSettings, settingsYaml } from "../settings.ts";
import { uploadCharm } from "../upload.ts";
import { resourceFiles, uploadPending } from "./deploy.ts";

/** Another revision of an application's charm, from a local file. */
export const refresh: Run = async (context, [application = ""]) => {
  const { io, options } = context;
  if (options["path"] === undefined)
    throw new UsageError(
      `there is no charm store: name the charm's file, "cantrip refresh ${application} --path ./NAME.charm"`,
    );
  const charm = await localCharm(String(options["path"]), io.cwd);
  const files = resourceFiles(charm, (options["resource"] as string[] | undefined) ?? [], io.cwd);
  const settings = givenSettings((options["config"] as string[] | undefined) ?? [], application, io.cwd);
  checkSettings(charm, settings);
  const model = await context.model();
  const present = await model.api.call<{ charm: string }>("Application", "Get", { application });
  if (present.charm !== charm.name)
    throw new CommandError(
      `cannot refresh application "${application}": it runs charm "${present.charm}", "${String(options["path"])}" is charm "${charm.name}"`,
    );
  const url = await uploadCharm(model.destination, charm.path, charm.name);
  context.inform(`Added local charm "${charm.name}", revision ${/\d+$/.exec(url)?.[0] ?? "0"}, to the model`);
  await model.api.call("Application", "SetCharm", {
    application,
    "charm-url": url,
    "charm-origin": { source: "local", type: "charm" },
    force: options["force"] === true,
    "force-units": options["forceUnits"] === true || options["force"] === true,
    "resource-ids": await uploadPending(context, model, application, files),
    "config-settings": settings.named,
    "config-settings-yaml": settingsYaml(application, settings.typed),
  });
};
