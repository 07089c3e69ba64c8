import { isAbsolute } from "node:path";
import type { Config } from "../charm-types.ts";
import { ToolError, toolError } from "../errors.ts";
import { looksLikeSecretId } from "../model/secret.ts";
import type { NetworkInfo, SecretInfo, SecretOptions, StatusReport } from "./types.ts";
import type { ToolCall, ToolResult, ToolRunner } from "./runner.ts";

type Entity = "app" | "unit";
type Strings = Record<string, string>;

/** The longest argument that Linux takes, less its closing zero. */
export const longestArgument = 131_071;

/**
 * The hook tools, typed: arguments in, values out, failures as errors. Holds no state and caches nothing.
 * Relations are named as Juju does it, `endpoint:id`.
 */
export class HookTools {
  readonly #runner: ToolRunner;

  constructor(runner: ToolRunner) {
    this.#runner = runner;
  }

  // Relations

  /** `relation-ids`: the relations of an endpoint. */
  relationIds(endpoint: string): Promise<string[]> {
    return this.#json(["relation-ids", endpoint]);
  }

  /** `relation-list`: the remote units. */
  relationList(relation: string): Promise<string[]> {
    return this.#json(["relation-list", "-r", relation]);
  }

  /** `relation-list --app`: the remote application. */
  relationApp(relation: string): Promise<string> {
    return this.#json(["relation-list", "--app", "-r", relation]);
  }

  /** `relation-get`: the databag of a unit or application, by its name. */
  async relationGet(relation: string, entity: string): Promise<Strings> {
    const app = entity.includes("/") ? [] : ["--app"];
    return bare(await this.#json<Strings>(["relation-get", "-r", relation, ...app, "-", entity]));
  }

  /** `relation-set`: the empty text deletes a key. As `app` for leaders only. */
  async relationSet(relation: string, as: Entity, values: Readonly<Strings>): Promise<void> {
    const app = as === "app" ? ["--app"] : [];
    await this.#run({
      argv: ["relation-set", "-r", relation, ...app, "--file", "-"],
      stdin: JSON.stringify(values),
    });
  }

  /** `relation-model-get`: the model on the other side. */
  relationModel(relation: string): Promise<{ uuid: string }> {
    return this.#json(["relation-model-get", "-r", relation]);
  }

  // Unit, application, model

  /** `config-get`: the options; those without value and default are absent. */
  async config(): Promise<Config> {
    return bare(await this.#json<Config>(["config-get"]));
  }

  /** `is-leader`: a `true` holds for 30 seconds. */
  isLeader(): Promise<boolean> {
    return this.#json(["is-leader"]);
  }

  /** `status-get`; of the application for leaders only. */
  async status(of: Entity): Promise<StatusReport> {
    const got = await this.#json<Record<string, unknown>>([
      "status-get",
      "--include-data",
      `--application=${of === "app"}`,
    ]);
    const inner = (of === "app" ? got["application-status"] : got) as
      { status?: string; message?: string } | undefined;
    return { status: inner?.status ?? "unknown", message: inner?.message ?? "" };
  }

  /** `status-set`; of the application for leaders only. Shows at once. */
  async setStatus(of: Entity, { status, message }: StatusReport): Promise<void> {
    await this.#run({ argv: ["status-set", `--application=${of === "app"}`, status, "--", message] });
  }

  /** `application-version-set`. */
  async setWorkloadVersion(version: string): Promise<void> {
    await this.#run({ argv: ["application-version-set", "--", version] });
  }

  /** `goal-state`: the units and relations that the operator wants. */
  goalState(): Promise<{ units?: Record<string, { status: string }>; relations?: unknown }> {
    return this.#json(["goal-state"]);
  }

  /** `juju-log`. A failure is a result, as a lost line is no reason to fail a hook. */
  async log(level: string, message: string): Promise<ToolResult> {
    return this.#runner.run({ argv: ["juju-log", "--log-level", level, "--", message] });
  }

  /** `juju-reboot`: after the hook, or `now`, which ends it here. */
  async reboot({ now }: { now: boolean }): Promise<void> {
    await this.#run({ argv: ["juju-reboot", ...(now ? ["--now"] : [])] });
  }

  /** `credential-get`: the cloud's credential; for trusted applications only. */
  credential(): Promise<Record<string, unknown>> {
    return this.#json(["credential-get"]);
  }

  // Network

  /** `network-get`: the addresses of an endpoint, or of one relation of it. */
  network(binding: string, relation?: string): Promise<NetworkInfo> {
    return this.#json(["network-get", binding, ...(relation ? ["-r", relation] : [])]);
  }

  /** `unit-get`: an address of this unit. */
  unitAddress(kind: "private-address" | "public-address"): Promise<string> {
    return this.#json(["unit-get", kind]);
  }

  /** `open-port`: `6443/tcp`, `8000-8100/udp`, `icmp`. */
  async openPort(port: string): Promise<void> {
    await this.#run({ argv: ["open-port", port] });
  }

  /** `close-port`, in the notation of `open-port`. */
  async closePort(port: string): Promise<void> {
    await this.#run({ argv: ["close-port", port] });
  }

  /** `opened-ports`: those that earlier hooks opened. */
  async openedPorts(): Promise<string[]> {
    return (await this.#json<string[] | null>(["opened-ports"])) ?? [];
  }

  // Storage, resources, server-side state

  /** `storage-list`: the ids of the attached instances, `name/0`. */
  async storageList(name: string): Promise<string[]> {
    return (await this.#json<string[] | null>(["storage-list", name])) ?? [];
  }

  /** `storage-get`: where an instance is. */
  storageGet(id: string): Promise<{ kind: string; location: string }> {
    return this.#json(["storage-get", "-s", id]);
  }

  /** `storage-add`: asks for more instances. */
  async storageAdd(name: string, count: number): Promise<void> {
    await this.#run({ argv: ["storage-add", `${name}=${count}`] });
  }

  /** `resource-get`: the path of the file, downloaded first if need be. */
  resource(name: string): Promise<string> {
    return this.#line({ argv: ["resource-get", name] }, "an absolute path", isAbsolute);
  }

  // Actions

  /** `action-get`: the parameters, defaults filled in. */
  async actionParams(): Promise<Record<string, unknown>> {
    return bare((await this.#json<Record<string, unknown> | null>(["action-get"])) ?? {});
  }

  /** `action-set`: adds results; keys are flat, with dots for nesting. */
  async actionSet(results: Readonly<Strings>): Promise<void> {
    await this.#run({
      argv: ["action-set", ...Object.entries(results).map(([key, value]) => `${key}=${value}`)],
    });
  }

  /** `action-log`: a line for the operator who waits. */
  async actionLog(message: string): Promise<void> {
    await this.#run({ argv: ["action-log", "--", message] });
  }

  /** `action-fail`: marks the action as failed; it goes on. */
  async actionFail(message: string): Promise<void> {
    await this.#run({ argv: ["action-fail", "--", message] });
  }

  // Secrets

  /** `secret-add`: the id of the new secret. Contents travel in files, never as arguments. */
  secretAdd(contents: Readonly<Strings>, options: SecretOptions): Promise<string> {
    const argv = ["secret-add", ...secretFlags(options)] as const;
    return this.#line({ argv, contents }, "the id of a secret", looksLikeSecretId);
  }

  /** `secret-set`: a new revision, other facts about it, or both. */
  async secretSet(
    id: string,
    contents: Readonly<Strings> | undefined,
    options: SecretOptions,
  ): Promise<void> {
    await this.#run({ argv: ["secret-set", id, ...secretFlags(options)], ...(contents ? { contents } : {}) });
  }

  /** `secret-get`: the tracked revision; `peek` at the latest, or `refresh`, which tracks it from then on. */
  async secretGet({
    id,
    label,
    read,
  }: {
    id?: string | undefined;
    label?: string | undefined;
    read?: "peek" | "refresh" | undefined;
  }): Promise<Strings> {
    const argv: ToolCall["argv"] = [
      "secret-get",
      ...(id ? [id] : []),
      ...(label ? ["--label", label] : []),
      ...(read ? [`--${read}`] : []),
    ];
    return bare(await this.#json<Strings>(argv));
  }

  /** `secret-info-get`: what the owner may know of it. */
  async secretInfo({
    id,
    label,
  }: {
    id?: string | undefined;
    label?: string | undefined;
  }): Promise<SecretInfo> {
    const found = await this.#json<Record<string, Omit<SecretInfo, "id">>>([
      "secret-info-get",
      ...(id ? [id] : ["--label", label ?? ""]),
    ]);
    const [entry] = Object.entries(found);
    if (entry === undefined)
      throw new ToolError({ argv: ["secret-info-get"], exitCode: 0, stderr: "it described no secret" });
    return { id: entry[0], ...entry[1] };
  }

  /** `secret-ids`: the secrets that this unit owns or manages. */
  async secretIds(): Promise<string[]> {
    return (await this.#json<string[] | null>(["secret-ids"])) ?? [];
  }

  /** `secret-grant`: to the application of a relation, or to one unit of it. */
  async secretGrant(id: string, relation: string, unit?: string): Promise<void> {
    await this.#run({ argv: ["secret-grant", id, "-r", relation, ...(unit ? ["--unit", unit] : [])] });
  }

  /** `secret-revoke`: the opposite of `secret-grant`. */
  async secretRevoke(
    id: string,
    {
      relation,
      app,
      unit,
    }: { relation?: string | undefined; app?: string | undefined; unit?: string | undefined },
  ): Promise<void> {
    const flags = [
      ...(relation ? ["-r", relation] : []),
      ...(app ? ["--app", app] : []),
      ...(unit ? ["--unit", unit] : []),
    ];
    await this.#run({ argv: ["secret-revoke", id, ...flags] });
  }

  /** `secret-remove`: one revision, or all. */
  async secretRemove(id: string, revision?: number): Promise<void> {
    await this.#run({
      argv: ["secret-remove", id, ...(revision === undefined ? [] : ["--revision", String(revision)])],
    });
  }

  async #run(call: ToolCall): Promise<ToolResult> {
    const result = await this.#runner.run(call);
    if (result.exitCode !== 0) throw toolError(result);
    return result;
  }

  async #line(call: ToolCall, expected: string, fits: (line: string) => boolean): Promise<string> {
    const result = await this.#run(call);
    const line = result.stdout.trim();
    if (!fits(line)) throw unexpected(result, expected);
    return line;
  }

  async #json<Value>([tool, ...args]: readonly [string, ...string[]]): Promise<Value> {
    const result = await this.#run({ argv: [tool, "--format=json", ...args] });
    try {
      return JSON.parse(result.stdout) as Value;
    } catch {
      throw unexpected(result, "JSON");
    }
  }
}

/** What secret-get prints is nobody's to see, whatever it is. */
function unexpected(result: ToolResult, expected: string): ToolError {
  const { argv, stdout } = result;
  const found = argv[0] === "secret-get" ? `${stdout.length} characters of something else` : quoted(stdout);
  return new ToolError({ ...result, stderr: `expected ${expected}, got ${found}` });
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 80));

function secretFlags({ label, description, expire, rotate, owner }: SecretOptions): string[] {
  const flag = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`--${name}`, value];
  const expiry = expire instanceof Date ? expire.toISOString().replace(/\.\d+Z$/, "Z") : expire;
  return [
    ...flag("label", label),
    ...flag("description", description),
    ...flag("expire", expiry),
    ...flag("rotate", rotate),
    ...flag("owner", owner),
  ];
}

/** Names of others by what they name, and nothing else: no name, be it `toString` or `__proto__`, means anything by itself. */
const bare = <Named extends object>(named: Named): Named =>
  Object.assign(Object.create(null) as Named, named);
