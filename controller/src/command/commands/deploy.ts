/** `deploy`: all that can be wrong is found before anything is sent, so that a refused deploy changes nothing. */
import { isApplicationName } from "@cantrip/metadata";
import type { FullStatus } from "../../facades/status/wire.ts";
import type { Run } from "../catalogue.ts";
import { localCharm, type LocalCharm } from "../charm-file.ts";
import { first, type Context, type ModelConnection, type Options } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { checkSettings, givenSettings, settingsYaml, type Settings } from "../settings.ts";
import { uploadCharm, uploadResource } from "../upload.ts";
import {
  existingFile,
  keyValue,
  parseBase,
  parseConstraints,
  placements,
  wholeNumber,
  type Placement,
} from "../values.ts";

export const deploy: Run = async (context, args) => {
  const plan = await planned(context, args);
  const model = await context.model();
  const placement = placements(context.options["to"], model.uuid);
  await refuseImpossible(model, plan.application, placement);
  context.inform(`Located local charm "${plan.charm.name}" in ${plan.charm.path}`);
  const url = await uploadCharm(model.destination, plan.charm.path, plan.charm.name);
  const resources = await uploadPending(context, model, plan.application, plan.files);
  informOf(context, plan, url);
  first(
    await model.api.call("Application", "Deploy", {
      applications: [{ ...request(plan, url), placement, resources }],
    }),
  );
};

interface Plan {
  readonly charm: LocalCharm;
  readonly application: string;
  readonly units: number;
  readonly base: { name: string; channel: string };
  readonly settings: Settings;
  readonly constraints: Record<string, unknown>;
  readonly trust: boolean;
  /** resource → path */
  readonly files: Record<string, string>;
}

async function planned({ io, options }: Context, [path = "", name]: string[]): Promise<Plan> {
  const charm = await localCharm(path, io.cwd);
  const application = name ?? charm.name;
  if (!isApplicationName(application))
    throw new UsageError(
      `invalid application name "${application}": expected lower-case letters, digits and hyphens, a letter first`,
    );
  const settings = givenSettings((options["config"] as string[] | undefined) ?? [], application, io.cwd);
  checkSettings(charm, settings);
  const plan = {
    charm,
    application,
    units: wholeNumber(options["numUnits"], "--num-units", 1),
    base: baseOf(charm, options["base"]),
    settings,
    constraints: parseConstraints(options["constraints"] as string | undefined),
    trust: options["trust"] === true,
    files: resourceFiles(charm, (options["resource"] as string[] | undefined) ?? [], io.cwd),
  };
  if (charm.metadata.subordinate) refuseForSubordinate(options);
  return plan;
}

function baseOf({ manifest }: LocalCharm, wanted: Options[string]): { name: string; channel: string } {
  const [preset = { name: "ubuntu", channel: "24.04" }] = manifest?.bases ?? [];
  const { name, channel } = parseBase(wanted) ?? preset;
  return { name, channel: channel.includes("/") ? channel : `${channel}/stable` };
}

function refuseForSubordinate(options: Options): void {
  const given = Object.entries({ numUnits: "--num-units", to: "--to", constraints: "--constraints" }).find(
    ([key]) => options[key] !== undefined,
  );
  if (given)
    throw new CommandError(
      `cannot use ${given[1]} with a subordinate application: its units come with those that it is integrated with`,
    );
}

/** `name=path`; each must be of the charm and exist. @throws CommandError */
export function resourceFiles(
  charm: LocalCharm,
  values: readonly string[],
  cwd: string,
): Record<string, string> {
  const known = charm.metadata.resources.map(({ name }) => name);
  return Object.fromEntries(
    values.map(keyValue).map(([name, path]) => {
      if (known.includes(name)) return [name, existingFile(path, cwd, `resource "${name}"`)];
      const list = known.length > 0 ? `it has ${known.join(", ")}` : "it has none";
      throw new CommandError(`unrecognized resource "${name}" of charm "${charm.name}": ${list}`);
    }),
  );
}

/** Against the model as it is, so that a refused deploy leaves nothing behind. */
async function refuseImpossible(
  { api }: ModelConnection,
  application: string,
  placement: readonly Placement[],
): Promise<void> {
  const { applications, machines } = await api.call<FullStatus>("Client", "FullStatus", { patterns: [] });
  for (const { scope, directive } of placement) {
    const where = scope === "#" ? `machine ${directive ?? ""}` : `"${scope}:${directive ?? ""}"`;
    if (scope !== "#")
      throw new CommandError(
        `cannot deploy "${application}" to ${where}: expected ids of machines, other places are not supported yet`,
      );
    if (!Object.hasOwn(machines, directive ?? ""))
      throw new CommandError(`cannot deploy "${application}": ${where} not found`);
  }
  if (!Object.hasOwn(applications, application)) return;
  throw new CommandError(
    `cannot add application "${application}": application already exists\n\n` +
      `To deploy the charm under another name: cantrip deploy CHARM OTHER-NAME\n` +
      `To add units to the one that exists: cantrip add-unit ${application}`,
  );
}

/** Sends the files, and answers with what Deploy or SetCharm know them by. */
export async function uploadPending(
  context: Context,
  { api, destination }: ModelConnection,
  application: string,
  files: Record<string, string>,
): Promise<Record<string, string>> {
  const names = Object.keys(files);
  if (names.length === 0) return {};
  const resources = names.map((name) => ({
    name,
    type: "file",
    path: "",
    origin: "upload",
    revision: 0,
    fingerprint: "",
    size: 0,
  }));
  const answer = await api.call<{ "pending-ids": string[] }>("Resources", "AddPendingResources", {
    tag: `application-${application}`,
    url: "",
    resources,
  });
  const pending = Object.fromEntries(names.map((name, index) => [name, answer["pending-ids"][index] ?? ""]));
  for (const [name, pendingId] of Object.entries(pending)) {
    const file = files[name] ?? "";
    context.inform(`Uploading resource "${name}" from ${file}`);
    await uploadResource(destination, { application, name, file, pendingId });
  }
  return pending;
}

const revisionOf = (url: string): string => /-(?<revision>\d+)$/.exec(url)?.groups?.["revision"] ?? "0";

function informOf(context: Context, { charm, application, base, files }: Plan, url: string): void {
  const channel = base.channel.includes("/") ? base.channel : `${base.channel}/stable`;
  context.inform(
    `Deploying "${application}" from local charm "${charm.name}", revision ${revisionOf(url)} on ${base.name}@${channel}`,
  );
  for (const { name } of charm.metadata.resources.filter((resource) => !Object.hasOwn(files, resource.name)))
    context.inform(
      `Resource "${name}" is not supplied; later: cantrip attach-resource ${application} ${name}=FILE`,
    );
}

function request(
  { charm, application, units, base, settings, constraints, trust }: Plan,
  url: string,
): object {
  return {
    application,
    "charm-url": url,
    "charm-origin": { source: "local", type: "charm", revision: Number(revisionOf(url)), base },
    "num-units": charm.metadata.subordinate ? 0 : units,
    config: { ...settings.named, ...(trust ? { trust: "true" } : {}) },
    "config-yaml": settingsYaml(application, settings.typed),
    constraints,
  };
}
