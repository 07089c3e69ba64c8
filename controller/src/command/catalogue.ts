/**
 * Every command: its name, arguments, options, and where its work is done. The work is imported when it is called for, so
 * that help and completion are quick. `-m`, `-c`, `--format` and `-o` come with the scope and the formats.
 */
import type { Context } from "./context.ts";

export type Run = (context: Context, args: string[]) => Promise<void>;

export interface OptionSpec {
  readonly flags: string;
  readonly description: string;
  /** may be given several times */
  readonly repeated?: boolean;
  readonly preset?: string;
}

export interface CommandSpec {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** commander's form: `<application> [values...]` */
  readonly args?: string;
  readonly summary: string;
  readonly group: string;
  /** what -m or -c select */
  readonly scope: "model" | "controller" | "none";
  readonly options?: readonly OptionSpec[];
  /** of --format; the first is the default */
  readonly formats?: readonly string[];
  /** the first argument ends the options: the rest belongs to another command */
  readonly passThrough?: boolean;
  readonly load: () => Promise<Run>;
}

const option = (flags: string, description: string): OptionSpec => ({ flags, description });
const repeated = (flags: string, description: string): OptionSpec => ({ flags, description, repeated: true });

const noPrompt = option("--no-prompt", "do not ask for confirmation");
const force = option("--force", "go on where errors would stop it");
const noWait = option("--no-wait", "with --force, do not wait between steps");
const dryRun = option("--dry-run", "say what would be removed, change nothing");
const destroyStorage = option("--destroy-storage", "destroy storage that belongs to it");
const utc = option("--utc", "times in UTC");
const constraints = option("--constraints <constraints>", "such as 'cores=2 mem=4G root-disk=16G'");
const to = option("--to <machines>", "machines to place units on, separated by commas");
const numUnits = option("-n, --num-units <number>", "number of units");
const color = option("--color", "colours even where stdout is no terminal");
const resource = repeated("--resource <name=file>", "a file for a resource of the charm");
const background = option("--background", "do not wait for the result");
const wait = option("--wait <duration>", "how long to wait for the result");

const documents = ["yaml", "json"];
const tables = ["tabular", "json", "yaml"];

const deploying: CommandSpec[] = [
  {
    name: "deploy",
    args: "<charm> [application]",
    summary: "Deploy a local charm as an application",
    group: "Applications:",
    scope: "model",
    options: [
      numUnits,
      to,
      repeated("--config <key=value>", "an option of the charm, or a YAML file of options"),
      constraints,
      resource,
      option("--trust", "allow the application to use the model's credentials"),
      option("--base <base>", "the base to run on, such as ubuntu@24.04"),
      force,
    ],
    load: async () => (await import("./commands/deploy.ts")).deploy,
  },
  {
    name: "refresh",
    args: "<application>",
    summary: "Upgrade an application to another revision of its charm",
    group: "Applications:",
    scope: "model",
    options: [
      option("--path <charm>", "the local .charm file"),
      repeated("--config <key=value>", "an option of the charm, or a YAML file of options"),
      resource,
      option("--force-units", "also units that are in error"),
      force,
    ],
    load: async () => (await import("./commands/refresh.ts")).refresh,
  },
  {
    name: "integrate",
    aliases: ["relate"],
    args: "<endpoints...>",
    summary: "Integrate two applications: APPLICATION[:ENDPOINT] APPLICATION[:ENDPOINT]",
    group: "Applications:",
    scope: "model",
    load: async () => (await import("./commands/relations.ts")).integrate,
  },
  {
    name: "remove-relation",
    args: "<endpoints...>",
    summary: "Remove the relation between two endpoints, or the one of an id",
    group: "Applications:",
    scope: "model",
    options: [force],
    load: async () => (await import("./commands/relations.ts")).removeRelation,
  },
  {
    name: "add-unit",
    args: "<application>",
    summary: "Add units to an application",
    group: "Applications:",
    scope: "model",
    options: [numUnits, to],
    load: async () => (await import("./commands/units.ts")).addUnit,
  },
  {
    name: "remove-unit",
    args: "<units...>",
    summary: "Remove units",
    group: "Applications:",
    scope: "model",
    options: [destroyStorage, force, noWait, dryRun, noPrompt],
    load: async () => (await import("./commands/units.ts")).removeUnit,
  },
  {
    name: "remove-application",
    args: "<applications...>",
    summary: "Remove applications with their units",
    group: "Applications:",
    scope: "model",
    options: [destroyStorage, force, noWait, dryRun, noPrompt],
    load: async () => (await import("./commands/units.ts")).removeApplication,
  },
  {
    name: "config",
    args: "<application> [values...]",
    summary: "Show or change the options of an application",
    group: "Applications:",
    scope: "model",
    options: [
      repeated("--reset <keys>", "options to set back, separated by commas"),
      option("--file <file>", "a YAML file of options by application"),
    ],
    formats: documents,
    load: async () => (await import("./commands/config.ts")).config,
  },
  {
    name: "trust",
    args: "<application>",
    summary: "Allow an application to use the model's credentials",
    group: "Applications:",
    scope: "model",
    options: [
      option("--remove", "take the permission back"),
      option("--scope <scope>", "accepted for Kubernetes models only"),
    ],
    load: async () => (await import("./commands/units.ts")).trust,
  },
  {
    name: "expose",
    args: "<application>",
    summary: "Mark an application's ports as open to everyone",
    group: "Applications:",
    scope: "model",
    load: async () => (await import("./commands/units.ts")).expose,
  },
  {
    name: "unexpose",
    args: "<application>",
    summary: "Undo expose",
    group: "Applications:",
    scope: "model",
    load: async () => (await import("./commands/units.ts")).unexpose,
  },
  {
    name: "resolved",
    args: "[units...]",
    summary: "Mark errors of units as resolved and retry the failed hook",
    group: "Applications:",
    scope: "model",
    options: [option("--no-retry", "go on without the failed hook"), option("--all", "every unit in error")],
    load: async () => (await import("./commands/units.ts")).resolved,
  },
  {
    name: "resources",
    aliases: ["list-resources"],
    args: "<application>",
    summary: "Show the resources of an application",
    group: "Applications:",
    scope: "model",
    formats: tables,
    load: async () => (await import("./commands/resources.ts")).resources,
  },
  {
    name: "attach-resource",
    args: "<application> <file>",
    summary: "Replace a resource of an application: NAME=FILE",
    group: "Applications:",
    scope: "model",
    load: async () => (await import("./commands/resources.ts")).attachResource,
  },
];

const observing: CommandSpec[] = [
  {
    name: "status",
    args: "[selectors...]",
    summary: "Show the model: applications, units, machines",
    group: "Looking:",
    scope: "model",
    options: [
      option("--relations", "also show relations"),
      option("--integrations", "also show relations"),
      option("--watch <duration>", "draw again each time"),
      option("--storage", "also show storage"),
      utc,
      color,
      option("--no-color", "no colours"),
      option("--retry-count <number>", "how often to try again"),
      option("--retry-delay <duration>", "how long to wait between tries"),
    ],
    formats: [...tables, "short", "oneline", "line", "summary"],
    load: async () => (await import("./commands/status.ts")).status,
  },
  {
    name: "show-unit",
    args: "<units...>",
    summary: "Show units with their relation data",
    group: "Looking:",
    scope: "model",
    options: [
      option("--endpoint <endpoint>", "only relations of this endpoint"),
      option("--related-unit <unit>", "only data of this unit"),
      option("--app", "only data of applications"),
    ],
    formats: documents,
    load: async () => (await import("./commands/show.ts")).showUnit,
  },
  {
    name: "show-application",
    args: "<applications...>",
    summary: "Show applications",
    group: "Looking:",
    scope: "model",
    formats: documents,
    load: async () => (await import("./commands/show.ts")).showApplication,
  },
  {
    name: "debug-log",
    summary: "Show what agents and charms logged",
    group: "Looking:",
    scope: "model",
    options: [
      option("--replay", "from the beginning"),
      option("--no-tail", "end when all is shown"),
      option("--tail", "go on as more is logged"),
      option("--limit <number>", "show this many lines and end"),
      option("-n, --lines <number>", "start with this many lines"),
      repeated("-i, --include <entity>", "only of this unit or machine"),
      repeated("-x, --exclude <entity>", "not of this unit or machine"),
      repeated("--include-module <module>", "only of this module"),
      repeated("--exclude-module <module>", "not of this module"),
      option("-l, --level <level>", "TRACE, DEBUG, INFO, WARNING or ERROR, and above"),
      option("--date", "with the date"),
      option("--ms", "times to the millisecond"),
      option("--location", "with the place in the program"),
      utc,
      color,
    ],
    formats: ["text", "json"],
    load: async () => (await import("./commands/debug-log.ts")).debugLog,
  },
  {
    name: "show-status-log",
    args: "<entity>",
    summary: "Show the past statuses of a unit, application or machine",
    group: "Looking:",
    scope: "model",
    options: [
      option("-n, --entries <number>", "how many"),
      option("--type <type>", "unit, juju-unit, workload, application, machine or juju-machine"),
      option("--days <number>", "not older than this"),
      option("--from-date <date>", "not older than this, YYYY-MM-DD"),
      option("--include-status-updates", "also the rounds of update-status"),
      utc,
    ],
    formats: tables,
    load: async () => (await import("./commands/status-log.ts")).showStatusLog,
  },
  {
    name: "wait-for",
    args: "<kind> <name>",
    summary: "Wait until a model, application, unit or machine is as a query says",
    group: "Looking:",
    scope: "model",
    options: [
      option("--query <query>", "such as 'status==\"active\"'"),
      option("--timeout <duration>", "how long (10m)"),
      option("--summary", "accepted; a summary is always given"),
    ],
    load: async () => (await import("./commands/wait-for.ts")).waitFor,
  },
  {
    name: "why",
    args: "<entity>",
    summary: "Show what led to the status of a unit, application or machine",
    group: "Looking:",
    scope: "model",
    formats: tables,
    options: [utc],
    load: async () => (await import("./commands/insight.ts")).why,
  },
  {
    name: "history",
    args: "<relation> <entity> [key]",
    summary: "Show who wrote a databag's keys: RELATION-ID UNIT|APPLICATION [KEY]",
    group: "Looking:",
    scope: "model",
    formats: tables,
    options: [utc],
    load: async () => (await import("./commands/insight.ts")).history,
  },
];

const running: CommandSpec[] = [
  {
    name: "run",
    args: "<words...>",
    summary: "Run an action: UNIT... ACTION [KEY=VALUE...]",
    group: "Running:",
    scope: "model",
    options: [
      option("--params <file>", "a YAML file of parameters"),
      option("--string-args", "values are strings, not YAML"),
      wait,
      background,
      utc,
      color,
    ],
    formats: ["plain", "yaml", "json"],
    load: async () => (await import("./commands/run.ts")).run,
  },
  {
    name: "exec",
    args: "[words...]",
    summary: "Run a command in the context of units, or on machines",
    group: "Running:",
    scope: "model",
    passThrough: true,
    options: [
      repeated("-u, --unit <units>", "units, separated by commas"),
      repeated("-a, --application <applications>", "all units of applications"),
      repeated("--machine <machines>", "machines, separated by commas"),
      option("--all", "every machine"),
      option("--parallel <boolean>", "beside other tasks"),
      option("--execution-group <group>", "tasks of one group run one after another"),
      wait,
      background,
      utc,
    ],
    formats: ["plain", "yaml", "json"],
    load: async () => (await import("./commands/exec.ts")).exec,
  },
  {
    name: "ssh",
    args: "<target> [words...]",
    summary: "A shell, or a command, on a unit's machine",
    group: "Running:",
    scope: "model",
    passThrough: true,
    options: [
      option("--proxy", "accepted"),
      option("--pty <boolean>", "a terminal for the command"),
      option("--no-host-key-checks", "accepted: machines are known by the model"),
      option("--container <name>", "refused: there are no Kubernetes models"),
    ],
    load: async () => (await import("./commands/ssh.ts")).ssh,
  },
  {
    name: "scp",
    args: "<words...>",
    summary: "Copy files to or from a unit's machine: UNIT:PATH",
    group: "Running:",
    scope: "model",
    passThrough: true,
    options: [option("--no-host-key-checks", "accepted"), option("--container <name>", "refused")],
    load: async () => (await import("./commands/ssh.ts")).scp,
  },
  {
    name: "actions",
    aliases: ["list-actions"],
    args: "<application>",
    summary: "Show the actions of an application",
    group: "Running:",
    scope: "model",
    options: [option("--schema", "with the schema of their parameters")],
    formats: ["default", ...tables],
    load: async () => (await import("./commands/tasks.ts")).actions,
  },
  {
    name: "show-action",
    args: "<application> <action>",
    summary: "Show one action with its parameters",
    group: "Running:",
    scope: "model",
    load: async () => (await import("./commands/tasks.ts")).showAction,
  },
  {
    name: "operations",
    aliases: ["list-operations"],
    summary: "Show what was run",
    group: "Running:",
    scope: "model",
    options: [
      option("--limit <number>", "how many"),
      option("--offset <number>", "how many to leave out first"),
      option("--status <statuses>", "only these, separated by commas"),
      option("--actions <actions>", "only these, separated by commas"),
      option("--applications <applications>", "only on these, separated by commas"),
      option("--units <units>", "only on these, separated by commas"),
      utc,
    ],
    formats: ["plain", "yaml", "json"],
    load: async () => (await import("./commands/tasks.ts")).operations,
  },
  {
    name: "show-operation",
    args: "<id>",
    summary: "Show an operation with its tasks",
    group: "Running:",
    scope: "model",
    options: [wait, utc],
    formats: documents,
    load: async () => (await import("./commands/tasks.ts")).showOperation,
  },
  {
    name: "show-task",
    args: "<id>",
    summary: "Show a task with its results",
    group: "Running:",
    scope: "model",
    options: [wait, option("--watch", "wait until it is done"), utc],
    formats: ["plain", "yaml", "json"],
    load: async () => (await import("./commands/tasks.ts")).showTask,
  },
  {
    name: "cancel-task",
    args: "<ids...>",
    summary: "Cancel tasks",
    group: "Running:",
    scope: "model",
    formats: documents,
    load: async () => (await import("./commands/tasks.ts")).cancelTask,
  },
];

const models: CommandSpec[] = [
  {
    name: "models",
    aliases: ["list-models"],
    summary: "Show the models of a controller",
    group: "Models and machines:",
    scope: "controller",
    formats: tables,
    options: [utc],
    load: async () => (await import("./commands/models.ts")).models,
  },
  {
    name: "add-model",
    args: "<name> [cloud]",
    summary: "Add a model and switch to it",
    group: "Models and machines:",
    scope: "controller",
    options: [
      repeated("--config <key=value>", "model configuration, or a YAML file of it"),
      option("--no-switch", "stay in the present model"),
      option("--credential <name>", "accepted: none is needed"),
      option("--owner <user>", "accepted for the present user"),
    ],
    load: async () => (await import("./commands/models.ts")).addModel,
  },
  {
    name: "destroy-model",
    args: "<name>",
    summary: "Remove a model with all that is in it",
    group: "Models and machines:",
    scope: "controller",
    options: [
      noPrompt,
      destroyStorage,
      option("--release-storage", "accepted"),
      force,
      noWait,
      option("-t, --timeout <duration>", "how long to wait for it (10m)"),
    ],
    load: async () => (await import("./commands/models.ts")).destroyModel,
  },
  {
    name: "show-model",
    args: "[name]",
    summary: "Show a model",
    group: "Models and machines:",
    scope: "model",
    formats: documents,
    load: async () => (await import("./commands/models.ts")).showModel,
  },
  {
    name: "switch",
    args: "[target]",
    summary: "Select or name the current model: [CONTROLLER:]MODEL",
    group: "Models and machines:",
    scope: "none",
    load: async () => (await import("./commands/models.ts")).switchTo,
  },
  {
    name: "model-config",
    args: "[values...]",
    summary: "Show or change the configuration of a model",
    group: "Models and machines:",
    scope: "model",
    options: [
      repeated("--reset <keys>", "settings to set back, separated by commas"),
      option("--file <file>", "a YAML file of settings"),
    ],
    formats: tables,
    load: async () => (await import("./commands/config.ts")).modelConfig,
  },
  {
    name: "model-constraints",
    summary: "Show the constraints of a model's machines",
    group: "Models and machines:",
    scope: "model",
    formats: ["constraints", ...documents],
    load: async () => (await import("./commands/constraints.ts")).modelConstraints,
  },
  {
    name: "set-model-constraints",
    args: "[constraints...]",
    summary: "Set the constraints of a model's machines",
    group: "Models and machines:",
    scope: "model",
    load: async () => (await import("./commands/constraints.ts")).setModelConstraints,
  },
  {
    name: "constraints",
    args: "<application>",
    summary: "Show the constraints of an application's machines",
    group: "Models and machines:",
    scope: "model",
    formats: ["constraints", ...documents],
    load: async () => (await import("./commands/constraints.ts")).constraints,
  },
  {
    name: "set-constraints",
    args: "<application> [constraints...]",
    summary: "Set the constraints of an application's future machines",
    group: "Models and machines:",
    scope: "model",
    load: async () => (await import("./commands/constraints.ts")).setConstraints,
  },
  {
    name: "machines",
    aliases: ["list-machines"],
    summary: "Show the machines of a model",
    group: "Models and machines:",
    scope: "model",
    options: [utc, color],
    formats: tables,
    load: async () => (await import("./commands/machines.ts")).machines,
  },
  {
    name: "show-machine",
    args: "[ids...]",
    summary: "Show machines in full",
    group: "Models and machines:",
    scope: "model",
    options: [utc, color],
    formats: ["yaml", "json", "tabular"],
    load: async () => (await import("./commands/machines.ts")).machines,
  },
  {
    name: "add-machine",
    args: "[target]",
    summary: "Add machines that units can be placed on",
    group: "Models and machines:",
    scope: "model",
    options: [
      option("-n <number>", "how many"),
      option("--base <base>", "such as ubuntu@24.04"),
      constraints,
    ],
    load: async () => (await import("./commands/machines.ts")).addMachine,
  },
  {
    name: "remove-machine",
    args: "<machines...>",
    summary: "Remove machines",
    group: "Models and machines:",
    scope: "model",
    options: [force, noWait, dryRun, noPrompt, option("--keep-instance", "refused")],
    load: async () => (await import("./commands/machines.ts")).removeMachine,
  },
];

const controllers: CommandSpec[] = [
  {
    name: "controllers",
    aliases: ["list-controllers"],
    summary: "Show the controllers that are known here",
    group: "Client:",
    scope: "none",
    formats: tables,
    load: async () => (await import("./commands/controllers.ts")).controllers,
  },
  {
    name: "show-controller",
    args: "[name]",
    summary: "Show a controller",
    group: "Client:",
    scope: "controller",
    options: [option("--show-password", "with the password")],
    formats: documents,
    load: async () => (await import("./commands/controllers.ts")).showController,
  },
  {
    name: "whoami",
    summary: "Show the current controller, model and user",
    group: "Client:",
    scope: "controller",
    formats: tables,
    load: async () => (await import("./commands/controllers.ts")).whoami,
  },
  {
    name: "secrets",
    aliases: ["list-secrets"],
    summary: "Show the secrets of a model",
    group: "Secrets:",
    scope: "model",
    options: [
      option("--owner <tag>", "only of this owner"),
      option("--revisions", "with their revisions"),
      utc,
    ],
    formats: tables,
    load: async () => (await import("./commands/secrets.ts")).secrets,
  },
  {
    name: "show-secret",
    args: "<secret>",
    summary: "Show a secret",
    group: "Secrets:",
    scope: "model",
    options: [
      option("--reveal", "with its content"),
      option("--revisions", "with its revisions"),
      option("--revision <number>", "the content of this revision"),
    ],
    formats: documents,
    load: async () => (await import("./commands/secrets.ts")).showSecret,
  },
  {
    name: "version",
    summary: "Show the version of this client",
    group: "Client:",
    scope: "none",
    options: [option("--all", "with all that is known")],
    formats: ["smart", ...documents],
    load: async () => (await import("./commands/version.ts")).version,
  },
  {
    name: "completion",
    args: "<shell>",
    summary: "Print a script for completion in bash or zsh",
    group: "Client:",
    scope: "none",
    load: async () => (await import("./commands/completion.ts")).completion,
  },
];

export const catalogue: readonly CommandSpec[] = [
  ...deploying,
  ...observing,
  ...running,
  ...models,
  ...controllers,
];
