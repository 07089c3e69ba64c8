/** MachineManager: machines that are not made for a unit. */
import type { Base } from "@cantrip/model";
import {
  ApiError,
  defineFacade,
  lenient,
  type Connection,
  type FacadeMethod,
  type Params,
} from "../facade.ts";
import { flag, items, optionalText, record, texts } from "./params.ts";
import { sourceOf, eachResult, idIn, machineIn, modelOf, unitTag } from "./values.ts";

const AddMachines: FacadeMethod = async (connection, params) => ({
  machines: await eachResult(items(params, "params"), (one) => addMachine(connection, one)),
});

async function addMachine(connection: Connection, given: Params): Promise<{ machine: string }> {
  if (optionalText(given, "container-type") || optionalText(given, "parent-id"))
    throw new ApiError("not supported", "containers on machines are not supported yet");
  if (given["placement"] !== undefined)
    throw new ApiError("not supported", "placement of machines is not supported");
  const model = modelOf(connection);
  const constraints = record(given, "constraints");
  const events = await model.execute(
    { type: "add-machine", base: baseOf(given), constraints },
    sourceOf(connection),
  );
  const machine = events.find((event) => event.type === "machine-added")?.machine.id;
  return { machine: machine ?? "" };
}

function baseOf(given: Params): Base {
  const base = lenient(given["base"]);
  const channel = optionalText(base, "channel") ?? "24.04";
  return { name: optionalText(base, "name") ?? "ubuntu", channel: channel.replace(/\/stable$/, "") };
}

const DestroyMachineWithParams: FacadeMethod = async (connection, params) => {
  const force = flag(params, "force");
  if (flag(params, "keep"))
    throw new ApiError("not supported", "keeping the instance of a machine is not supported yet");
  const isDryRun = flag(params, "dry-run");
  const results = await eachResult(texts(params, "machine-tags"), async (tag) => {
    const model = modelOf(connection);
    const { id: machine } = machineIn(model, idIn(tag, "machine"));
    const units = Object.values(model.state.units).filter((unit) => unit.machine === machine);
    if (!isDryRun) await model.execute({ type: "remove-machine", machine, force }, sourceOf(connection));
    return {
      info: { "machine-id": machine, "destroyed-units": units.map(({ name }) => ({ tag: unitTag(name) })) },
    };
  });
  return { results };
};

defineFacade({
  name: "MachineManager",
  versions: [10],
  on: "model",
  methods: { AddMachines, DestroyMachineWithParams },
});
