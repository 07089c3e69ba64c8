/** A model as AllWatcher tells of it, kept up to date, and each entity as `wait-for` queries see it. */
import type { Scope, Value } from "./query.ts";

type Data = Record<string, unknown>;
export type Delta = [kind: string, change: string, data: Data];
export type Kind = "model" | "application" | "unit" | "machine";

const worst = ["error", "blocked", "maintenance", "waiting", "active", "terminated", "unknown"];

export class Picture {
  readonly #entities: Record<Kind, Map<string, Data>> = {
    model: new Map(),
    application: new Map(),
    unit: new Map(),
    machine: new Map(),
  };

  apply(deltas: readonly Delta[]): void {
    for (const [kind, change, data] of deltas) {
      if (!isKind(kind)) continue;
      const id = String(data["id"] ?? data["name"]);
      if (change === "remove") this.#entities[kind].delete(id);
      else this.#entities[kind].set(id, data);
    }
  }

  /** undefined while there is none of that name */
  find(kind: Kind, name: string): Scope | undefined {
    const data = kind === "model" ? [...this.#entities.model.values()][0] : this.#entities[kind].get(name);
    return data && this.#scopes[kind](data);
  }

  readonly #scopes: Record<Kind, (data: Data) => Scope> = {
    model: (data) => ({
      name: text(data["name"]),
      life: text(data["life"]),
      "is-controller": data["is-controller"] === true,
      status: current(data["status"]),
      applications: this.#all("application"),
      units: this.#all("unit"),
      machines: this.#all("machine"),
    }),
    application: (data) => this.#application(data),
    unit: (data) => this.#unit(data),
    machine: (data) => this.#machine(data),
  };

  #all(kind: "application" | "unit" | "machine"): Value[] {
    return [...this.#entities[kind].values()].map((data) => this.#scopes[kind](data));
  }

  #application(data: Data): Scope {
    const mine = [...this.#entities.unit.values()].filter((unit) => unit["application"] === data["name"]);
    const machines = new Set(mine.map((unit) => text(unit["machine-id"])));
    const set = current(data["status"]);
    const units = mine.map((unit) => this.#unit(unit));
    return {
      name: text(data["name"]),
      life: text(data["life"]),
      exposed: data["exposed"] === true,
      "charm-url": text(data["charm-url"]),
      "min-units": 0,
      subordinate: data["subordinate"] === true,
      status:
        set === "unset" || set === "" ? derived(units.map((unit) => text(unit["workload-status"]))) : set,
      "workload-version": text(data["workload-version"]),
      units,
      machines: [...this.#entities.machine].flatMap(([id, machine]) =>
        machines.has(id) ? [this.#machine(machine)] : [],
      ),
    };
  }

  #unit(data: Data): Scope {
    const workload = (data["workload-status"] ?? {}) as Data;
    const machine = this.#entities.machine.get(text(data["machine-id"]));
    const names = [
      "name",
      "application",
      "base",
      "charm-url",
      "life",
      "public-address",
      "private-address",
      "machine-id",
      "principal",
    ];
    return {
      ...Object.fromEntries(names.map((name) => [name, text(data[name])])),
      subordinate: data["subordinate"] === true,
      "workload-status": current(workload),
      "workload-message": text(workload["message"]),
      "agent-status": current(data["agent-status"]),
      machines: machine ? [this.#machine(machine)] : [],
    };
  }

  #machine(data: Data): Scope {
    return {
      id: text(data["id"]),
      life: text(data["life"]),
      status: current(data["agent-status"]),
      "instance-status": current(data["instance-status"]),
      "instance-id": text(data["instance-id"]),
      hostname: text(data["hostname"]),
    };
  }
}

const isKind = (kind: string): kind is Kind => ["model", "application", "unit", "machine"].includes(kind);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const current = (status: unknown): string => text(((status ?? {}) as Data)["current"]);
const derived = (statuses: readonly string[]): string =>
  worst.find((status) => statuses.includes(status)) ?? "unknown";
