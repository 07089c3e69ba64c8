/** Models of a controller: shown, made, destroyed, chosen. */
import type { Run } from "../catalogue.ts";
import { qualified } from "../client-files.ts";
import { first, type Context } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { pause } from "../io.ts";
import { emit } from "../output.ts";
import { table } from "../table.ts";
import { controllerTarget, currentModel, parseModelName, type ControllerTarget } from "../target.ts";
import { age, displayTime, parseDuration } from "../times.ts";
import { readYamlFile, settingArguments } from "../values.ts";

interface Summary {
  name: string;
  uuid: string;
  type: string;
  "cloud-tag": string;
  "cloud-region": string;
  "owner-tag": string;
  "controller-uuid": string;
  "is-controller": boolean;
  "provider-type": string;
  life: string;
  status: { status: string; since: string };
  "user-access": string;
  "last-connection": string | null;
  counts: { entity: string; count: number }[];
  "agent-version": string;
}

export const models: Run = async (context) => {
  const target = context.target();
  const { io, options } = context;
  await context.refreshModels(target);
  const api = await context.controllerApi(target);
  const { results } = await api.call<{ results: { result: Summary }[] }>(
    "ModelManager",
    "ListModelSummaries",
    {
      "user-tag": `user-${target.account.user}`,
      all: true,
    },
  );
  const summaries = results.map(({ result }) => result).toSorted((a, b) => a.name.localeCompare(b.name));
  const current = currentModel(context.files, target.name);
  const document = {
    models: summaries.map((summary) => summaryDocument(summary, target)),
    ...(current ? { "current-model": current.split("/")[1] } : {}),
  };
  emit(io, options, document, () => `Controller: ${target.name}\n\n${modelsTable(summaries, current)}`);
  if (summaries.length === 0 && options["format"] === "tabular")
    context.inform("\nThere are no models here. Add one with: cantrip add-model NAME");
};

const cloudOf = (summary: Summary): string =>
  `${summary["cloud-tag"].replace(/^cloud-/, "")}/${summary["cloud-region"]}`;
const ownerOf = (summary: Summary): string => summary["owner-tag"].replace(/^user-/, "");
const counted = ({ counts }: Summary, entity: string): number =>
  counts.find((count) => count.entity === entity)?.count ?? 0;

function modelsTable(summaries: Summary[], current: string | undefined): string {
  const head = [
    "Model",
    "Cloud/Region",
    "Type",
    "Status",
    "Machines",
    "Cores",
    "Units",
    "Access",
    "Last connection",
  ];
  const rows = summaries.map((summary) => [
    `${summary.name}${current === `${ownerOf(summary)}/${summary.name}` ? "*" : ""}`,
    cloudOf(summary),
    summary["provider-type"],
    summary.status.status,
    counted(summary, "machines"),
    counted(summary, "cores") || "-",
    counted(summary, "units") || "-",
    summary["user-access"],
    age(summary["last-connection"]),
  ]);
  return table(head, rows, { right: ["Machines", "Cores", "Units"] });
}

function summaryDocument(summary: Summary, { name }: ControllerTarget): Record<string, unknown> {
  return {
    name: `${ownerOf(summary)}/${summary.name}`,
    "short-name": summary.name,
    "model-uuid": summary.uuid,
    "model-type": summary.type,
    "controller-uuid": summary["controller-uuid"],
    "controller-name": name,
    "is-controller": summary["is-controller"],
    owner: ownerOf(summary),
    cloud: summary["cloud-tag"].replace(/^cloud-/, ""),
    region: summary["cloud-region"],
    type: summary["provider-type"],
    life: summary.life,
    status: { current: summary.status.status, since: displayTime(summary.status.since) },
    access: summary["user-access"],
    "last-connection": "never connected",
    "agent-version": summary["agent-version"],
  };
}

interface Info extends Summary {
  users: { user: string; "display-name": string; access: string }[];
  machines: { id: string; hardware: { cores?: number } }[];
}

export const showModel: Run = async (context, [name]) => {
  if (name !== undefined) context.options["model"] = name;
  const { target, uuid } = await context.model();
  const api = await context.controllerApi(target);
  const info = first(
    await api.call<{ results: { result: Info }[] }>("ModelManager", "ModelInfo", {
      entities: [{ tag: `model-${uuid}` }],
    }),
  ).result;
  const { access: _access, "last-connection": _last, ...summary } = summaryDocument(info, target);
  const document = {
    ...summary,
    users: Object.fromEntries(
      info.users.map((user) => [
        user.user,
        { "display-name": user["display-name"], access: user.access, "last-connection": "never connected" },
      ]),
    ),
    machines: Object.fromEntries(
      info.machines.map(({ id, hardware }) => [id, { cores: hardware.cores ?? 0 }]),
    ),
    sla: "unsupported",
  };
  emit(context.io, context.options, { [info.name]: document });
};

export const addModel: Run = async (context, [name = "", cloud]) => {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name))
    throw new UsageError(
      `"${name}" is not a valid name: model names may only contain lowercase letters, digits and hyphens`,
    );
  if (cloud !== undefined && !["local", "local/default", "localhost"].includes(cloud))
    throw new CommandError(`cloud "${cloud}" not found: there is one, "local"`);
  const target = context.target();
  const config = modelSettings(context);
  const api = await context.controllerApi(target);
  const owner = target.account.user;
  const model = await api.call<{ uuid: string }>("ModelManager", "CreateModel", {
    name,
    "owner-tag": `user-${owner}`,
    "cloud-tag": "cloud-local",
    region: "default",
    config,
  });
  const file = context.files.models();
  const entry = (file.controllers[target.name] ??= { models: {} });
  entry.models[qualified(owner, name)] = { uuid: model.uuid, type: "iaas", branch: "" };
  if (context.options["switch"] !== false) entry["current-model"] = qualified(owner, name);
  context.files.saveModels(file);
  context.inform(`Added '${name}' model on local/default for user '${owner}'`);
};

function modelSettings({ options, io }: Context): object {
  const given = (options["config"] as string[] | undefined) ?? [];
  const files = given
    .filter((value) => !value.includes("="))
    .map((path) => readYamlFile(path, io.cwd, "config file") as object);
  return Object.assign(
    {},
    ...files,
    settingArguments(
      given.filter((value) => value.includes("=")),
      io.cwd,
    ),
  ) as object;
}

interface ModelStatus {
  "hosted-machine-count": number;
  "application-count": number;
  error?: { message: string; code: string };
}

export const destroyModel: Run = async (context, [name = ""]) => {
  context.options["model"] = name;
  const { options, io } = context;
  const timeoutMs = parseDuration(String(options["timeout"] ?? "10m"), "--timeout");
  const target = context.target();
  const full = qualified(target.account.user, parseModelName(name).model ?? name);
  const uuid = (await context.refreshModels(target))[full]?.uuid;
  if (uuid === undefined) throw new CommandError(`model ${full} not found on controller "${target.name}"`);
  const api = await context.controllerApi(target);
  await context.confirm(
    `This command will destroy the "${full}" model and all its resources. It cannot be stopped.\n`,
  );
  context.inform("Destroying model");
  first(
    await api.call("ModelManager", "DestroyModels", {
      models: [
        {
          "model-tag": `model-${uuid}`,
          "destroy-storage": options["destroyStorage"] === true,
          force: options["force"] === true,
        },
      ],
    }),
  );
  const until = Date.now() + timeoutMs;
  for (let last = ""; ;) {
    const {
      models: [status],
    } = await api.call<{ models: ModelStatus[] }>("ModelManager", "ModelStatus", {
      entities: [{ tag: `model-${uuid}` }],
    });
    if (!status || status.error) break;
    const progress = `Waiting for model to be removed, ${status["hosted-machine-count"]} machine(s), ${status["application-count"]} application(s)...`;
    if (progress !== last) context.inform((last = progress));
    if (Date.now() > until)
      throw new CommandError(
        `timeout after ${String(options["timeout"] ?? "10m")}: model "${name}" is still being destroyed; see "cantrip status -m ${name}"`,
      );
    await pause(500, io.interrupted);
  }
  context.forgetModel(target, full);
  context.inform("Model destroyed.");
};

/** Without a target, says where we are. */
export const switchTo: Run = async (context, [wanted]) => {
  const { files, io } = context;
  const before = place(files.controllers()["current-controller"], context);
  if (wanted === undefined) return io.out(`${before ?? (await nowhere(context))}\n`);
  const file = files.controllers();
  const { controller, model } = parseModelName(wanted);
  const isController = controller === undefined && Object.hasOwn(file.controllers, wanted);
  const target = controllerTarget(files, isController ? wanted : controller);
  if (!isController && model !== undefined) await choose(context, target, model);
  files.saveControllers({ ...files.controllers(), "current-controller": target.name });
  const after = place(target.name, context);
  context.inform(before === after ? `${after ?? ""} (no change)` : `${before ?? ""} -> ${after ?? ""}`);
};

async function choose(context: Context, target: ControllerTarget, model: string): Promise<void> {
  const full = qualified(target.account.user, model);
  const known = context.files.models().controllers[target.name]?.models ?? {};
  const models = Object.hasOwn(known, full) ? known : await context.refreshModels(target);
  if (!Object.hasOwn(models, full))
    throw new CommandError(
      `"${model}" is not the name of a model or controller: see "cantrip models" and "cantrip controllers"`,
    );
  const file = context.files.models();
  file.controllers[target.name] = { models, "current-model": full };
  context.files.saveModels(file);
}

function place(controller: string | undefined, { files }: Context): string | undefined {
  if (controller === undefined) return undefined;
  return `${controller}${[currentModel(files, controller)].map((model) => (model ? `:${model}` : ""))[0] ?? ""}`;
}

async function nowhere({ files }: Context): Promise<never> {
  throw new CommandError(`no controller is known in ${files.directory}: start one with "cantrip up"`);
}
