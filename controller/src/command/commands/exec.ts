/** `exec -- COMMAND`: in the context of units, or on machines. */
import type { Run } from "../catalogue.ts";
import { UsageError } from "../errors.ts";
import { reportOutcome, type Enqueued } from "../outcome.ts";
import { parseDuration } from "../times.ts";
import { separated } from "../values.ts";

export const exec: Run = async (context, words) => {
  const { options } = context;
  const command = words[0] === "--" ? words.slice(1) : words;
  if (command.length === 0) throw new UsageError("no commands specified");
  const [units, applications, machines] = [options["unit"], options["application"], options["machine"]].map(
    separated,
  ) as [string[], string[], string[]];
  const isAll = options["all"] === true;
  if (isAll === units.length + applications.length + machines.length > 0)
    throw new UsageError(
      isAll
        ? "you cannot specify --all and individual targets"
        : "You must specify a target, either through --all, --machine, --application or --unit",
    );
  refuseWrongTargets(units, machines);
  const timeoutMs = parseDuration(String(options["wait"] ?? "5m"), "--wait");
  const model = await context.model();
  const enqueued = await model.api.call<Enqueued>("Action", isAll ? "RunOnAllMachines" : "Run", {
    commands: commandText(command),
    timeout: timeoutMs * 1_000_000,
    units,
    applications,
    machines,
    "workload-context": false,
    ...(options["parallel"] === undefined ? {} : { parallel: options["parallel"] === "true" }),
    ...(options["executionGroup"] === undefined ? {} : { "execution-group": options["executionGroup"] }),
  });
  await reportOutcome(context, model, enqueued, { timeoutMs, bare: true });
};

function refuseWrongTargets(units: string[], machines: string[]): void {
  const unit = units.find((name) => !/^[a-z][a-z0-9-]*\/(?:\d+|leader)$/.test(name));
  if (unit !== undefined) throw new UsageError(`"${unit}" is not a valid unit name`);
  const machine = machines.find((id) => !/^\d+(?:\/[a-z]+\/\d+)*$/.test(id));
  if (machine !== undefined) throw new UsageError(`"${machine}" is not a valid machine id`);
}

/** One word is a line for the shell; several are arguments, each of which stays what it is. */
function commandText(words: string[]): string {
  return words.length === 1 ? (words[0] ?? "") : words.map(quoted).join(" ");
}

const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
