/** A model as ModelManager and Controller describe it (juju-api.md 5.1). */
import { displayedMachineStatus } from "@cantrip/model";
import type { Controller, LiveModel } from "../../models.ts";

import { modelStatusOf } from "../status/full-status.ts";
import { machineTag, modelTag, time } from "../values.ts";

function identity(controller: Controller, { state }: LiveModel): Record<string, unknown> {
  const status = modelStatusOf(state);
  return {
    name: state.name,
    type: "iaas",
    uuid: state.uuid,
    "controller-uuid": controller.uuid,
    "is-controller": false,
    "provider-type": "manual",
    "cloud-tag": "cloud-local",
    "cloud-region": "default",
    "owner-tag": `user-${state.owner}`,
    life: state.life,
    status: { status: status.status, info: status.message, since: time(status.since) },
    sla: null,
    "agent-version": controller.version,
  };
}

export function modelSummary(controller: Controller, model: LiveModel): Record<string, unknown> {
  const machines = Object.values(model.state.machines);
  const cores = machines.reduce((sum, { hardware }) => sum + (hardware?.cores ?? 0), 0);
  return {
    ...identity(controller, model),
    "user-access": "admin",
    "last-connection": null,
    counts: [
      { entity: "machines", count: machines.length },
      { entity: "cores", count: cores },
      { entity: "units", count: Object.keys(model.state.units).length },
    ],
  };
}

export function modelInfo(controller: Controller, model: LiveModel): Record<string, unknown> {
  const { state } = model;
  return {
    ...identity(controller, model),
    "default-base": "",
    users: [
      {
        "model-tag": modelTag(state.uuid),
        user: state.owner,
        "display-name": state.owner,
        "last-connection": null,
        access: "admin",
      },
    ],
    machines: Object.values(state.machines).map((machine) => ({
      id: machine.id,
      hardware: machine.hardware
        ? {
            arch: machine.hardware.arch,
            mem: machine.hardware.memMiB,
            cores: machine.hardware.cores,
            "root-disk": machine.hardware.rootDiskMiB,
          }
        : {},
      "instance-id": machine.instanceId ?? "",
      "display-name": "",
      status: displayedMachineStatus(machine, controller.presence.agentAlive(model, machineTag(machine.id)))
        .status,
    })),
    "secret-backends": [],
  };
}

export function userModels(controller: Controller): object[] {
  return controller.models.list().map(({ state }) => ({
    model: { name: state.name, uuid: state.uuid, type: "iaas", "owner-tag": `user-${state.owner}` },
    "last-connection": null,
  }));
}

export function modelStatusEntry({ state }: LiveModel): object {
  return {
    "model-tag": modelTag(state.uuid),
    life: state.life,
    type: "iaas",
    "hosted-machine-count": Object.keys(state.machines).length,
    "application-count": Object.keys(state.applications).length,
    "unit-count": Object.keys(state.units).length,
    "owner-tag": `user-${state.owner}`,
  };
}
