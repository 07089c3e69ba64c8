import { type HookEffects, ModelError } from "@cantrip/model";
import type { LogLevel } from "../log/log.ts";
import { type World, joinStatus } from "./given.ts";

/** What a hook does at once, and what it asks for late, against the world in memory. */
export class MemoryEffects implements HookEffects {
  readonly logged: { level: LogLevel; text: string }[] = [];
  readonly statusHistory: string[] = [];
  readonly actionLines: string[] = [];
  readonly #world: World;
  readonly #now: () => number;
  #secretsMade = 0;

  constructor(world: World, now: () => number) {
    this.#world = world;
    this.#now = now;
  }

  async setStatus({
    application,
    status,
    message,
  }: {
    application: boolean;
    status: string;
    message: string;
  }): Promise<void> {
    if (application) this.#world.appStatus = joinStatus({ status, message });
    else this.#world.status = joinStatus({ status, message });
    if (!application) this.statusHistory.push(this.#world.status);
  }

  async setWorkloadVersion(version: string): Promise<void> {
    this.#world.workloadVersion = version;
  }

  async log(level: string, text: string): Promise<void> {
    this.logged.push({ level: level.toLowerCase() as LogLevel, text });
  }

  async isLeader(): Promise<boolean> {
    return this.#world.leader;
  }

  async secretContent({
    id,
    label,
    mode,
  }: Parameters<HookEffects["secretContent"]>[0]): ReturnType<HookEffects["secretContent"]> {
    const secret = this.#world.secrets.find((candidate) =>
      id === undefined ? candidate.label === label : candidate.id === id,
    );
    if (secret === undefined)
      throw new ModelError(
        "not found",
        id === undefined ? `consumer label "${label}" not found` : `secret "${id}" not found`,
      );
    const isNewer = mode !== "tracked" && secret.latest !== undefined;
    const content = isNewer ? secret.latest : secret.content;
    return { id: secret.id, revision: secret.revision + (isNewer ? 1 : 0), content: { ...content } };
  }

  async resourcePath(name: string): Promise<string> {
    const path = this.#world.resources[name];
    if (path === undefined)
      throw new ModelError("not found", `could not download resource: resource "${name}" not found`);
    return path;
  }

  async actionLog(message: string): Promise<void> {
    this.actionLines.push(message);
  }

  /** Told apart, and the same in every run. */
  newSecretId(): string {
    this.#secretsMade += 1;
    return `secret${String(this.#world.secrets.length + this.#secretsMade).padStart(14, "0")}`;
  }

  async readFile(path: string): Promise<string> {
    throw new ModelError("not found", `no file "${path}": in memory, contents travel as arguments`);
  }

  now(): number {
    return this.#now();
  }
}
