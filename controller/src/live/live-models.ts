/** All models of the controller, by uuid and by name. */
import { randomUUID } from "node:crypto";
import { createModel } from "@cantrip/model";
import { ApiError } from "../facade.ts";
import type { LiveModel, Models } from "../models.ts";
import { Model, type LiveModelParts } from "./live-model.ts";

type Change = { kind: "created" | "removed"; model: LiveModel };

export class LiveModels implements Models {
  readonly #parts: LiveModelParts;
  readonly #models = new Map<string, Model>();
  readonly #listeners = new Set<(change: Change) => void>();

  constructor(parts: LiveModelParts) {
    this.#parts = parts;
    for (const { uuid, genesis } of parts.log.models()) this.#models.set(uuid, new Model(genesis, parts));
  }

  get(uuid: string): Model | undefined {
    return this.#models.get(uuid);
  }

  byName(name: string): Model | undefined {
    return this.list().find((m) => m.name === name || `${m.state.owner}/${m.name}` === name);
  }

  list(): Model[] {
    return [...this.#models.values()];
  }

  async create(name: string, options: Parameters<Models["create"]>[1] = {}): Promise<LiveModel> {
    const { uuid = randomUUID(), owner = "admin", config = {} } = options;
    if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) {
      throw new ApiError(
        "bad request",
        `"${name}" is not a valid name: model names may only contain lowercase letters, digits and hyphens`,
      );
    }
    if (this.byName(`${owner}/${name}`))
      throw new ApiError("already exists", `model "${name}" already exists for ${owner}`);
    if (this.#models.has(uuid))
      throw new ApiError("already exists", `model with UUID "${uuid}" already exists`);
    const now = this.#parts.clock.now();
    const genesis = createModel({ uuid, name, owner, now, config });
    this.#parts.log.addModel({ uuid, name, owner, createdAt: now, genesis });
    const model = new Model(genesis, this.#parts);
    this.#models.set(uuid, model);
    model.start();
    this.#announce({ kind: "created", model });
    return model;
  }

  async remove(uuid: string): Promise<void> {
    const model = this.#models.get(uuid);
    if (!model) return;
    const machines = Object.keys(model.state.machines);
    if (machines.length > 0)
      throw new ApiError(
        "model not empty",
        `model "${model.name}" still has machines: ${machines.join(", ")}`,
      );
    model.close();
    this.#models.delete(uuid);
    this.#parts.log.removeModel(uuid);
    this.#announce({ kind: "removed", model });
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    for (const model of this.#models.values()) model.start();
  }

  /** Snapshots make the next start quick; without them it replays. */
  close(): void {
    for (const model of this.#models.values()) {
      model.snapshot();
      model.close();
    }
  }

  #announce(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
