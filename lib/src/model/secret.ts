import { SecretContentError } from "../errors.ts";
import type { HookTools } from "../tools/tools.ts";
import type { RotatePolicy, SecretInfo } from "../tools/types.ts";
import { Answers } from "./answers.ts";
import type { Relation } from "./relation.ts";

/** Values by key. Keys are three or more lower-case letters, digits and single hyphens; all together at most 1 MiB. */
export type SecretContent = Readonly<Record<string, string>>;

const keyGrammar = /^[a-z](?:-?[a-z0-9]){2,}$/;
const largestContent = 1024 * 1024;

/** @throws SecretContentError where Juju would refuse it later */
export function checkContent(content: Readonly<Record<string, unknown>>): void {
  const entries = Object.entries(content);
  if (entries.length === 0) throw new SecretContentError("it is empty");
  for (const [key, value] of entries) {
    if (!keyGrammar.test(key))
      throw new SecretContentError(
        `key "${key}" must be three or more lower-case letters, digits and single hyphens, a letter first`,
        key,
      );
    if (typeof value !== "string") throw new SecretContentError(`the value of "${key}" is no string`, key);
  }
  const size = entries.reduce(
    (sum, [key, value]) => sum + key.length + Buffer.byteLength(value as string),
    0,
  );
  if (size > largestContent)
    throw new SecretContentError(`it has ${size} bytes, more than ${largestContent}`);
}

const bareId = (id: string): string => id.slice(id.lastIndexOf("/") + 1).replace(/^secret:/, "");
const canonical = (id: string): string => (id.startsWith("secret:") ? id : `secret:${id}`);

export const looksLikeSecretId = (text: string): boolean =>
  /^(?:secret:(?:\/\/[0-9a-f-]{36}\/)?)?[0-9a-z]{20}$/.test(text);

/** A secret that this unit owns or was granted. Ids are opaque; contents never get into logs, statuses or errors. */
export class Secret {
  readonly label: string | undefined;
  readonly #tools: HookTools;
  #id: string | undefined;
  #content = new Answers<SecretContent>();

  /** @internal */
  constructor(
    tools: HookTools,
    { id, label, content }: { id?: string | undefined; label?: string | undefined; content?: SecretContent },
  ) {
    this.#tools = tools;
    this.#id = id === undefined ? undefined : canonical(id);
    this.label = label;
    if (content !== undefined) this.#content.set("tracked", content);
  }

  /** `secret:…`; absent if only a label is known and nobody asked yet: see `findId`. */
  get id(): string | undefined {
    return this.#id;
  }

  /** The id without its prefix: equal for every form of it. */
  get uniqueId(): string | undefined {
    return this.#id === undefined ? undefined : bareId(this.#id);
  }

  /** The id, asked of Juju if only the label is known (owners only). */
  async findId(): Promise<string> {
    this.#id ??= canonical((await this.#tools.secretInfo({ label: this.label })).id);
    return this.#id;
  }

  /**
   * The tracked revision, cached for the dispatch; with `refresh` the latest one, which is tracked from then on. A read that
   * fails changes nothing: what was read before stays.
   * @throws SecretNotFound, PermissionDenied
   */
  async content({ refresh = false } = {}): Promise<SecretContent> {
    if (!refresh) return this.#content.get("tracked", () => this.#read(undefined));
    const latest = await this.#read("refresh");
    this.#content.set("tracked", latest);
    return latest;
  }

  /**
   * The latest revision, without tracking it.
   * @throws SecretNotFound, PermissionDenied
   */
  peek(): Promise<SecretContent> {
    return this.#read("peek");
  }

  /** What the owner may know. */
  info(): Promise<SecretInfo> {
    return this.#tools.secretInfo({ id: this.#id, label: this.label });
  }

  /** A new revision, unless nothing differs. The tracked one stays what it is: see it by `peek`, or take it by `content` with `refresh`. */
  async setContent(content: SecretContent): Promise<void> {
    checkContent(content);
    await this.#tools.secretSet(await this.findId(), content, {});
  }

  /** Changes what is said about the secret, not its content. `expire` is a time, or a duration such as `24h`. Owners only. */
  async setInfo(info: {
    label?: string;
    description?: string;
    expire?: Date | string;
    rotate?: RotatePolicy;
  }): Promise<void> {
    await this.#tools.secretSet(await this.findId(), undefined, info);
  }

  /** Lets the other application, or only one of its units, read it for as long as the relation lasts. */
  async grant(relation: Relation, unit?: string): Promise<void> {
    await this.#tools.secretGrant(await this.findId(), relation.key, unit);
  }

  /** Takes back what `grant` gave. Owners only. */
  async revoke(relation: Relation, unit?: string): Promise<void> {
    await this.#tools.secretRevoke(await this.findId(), { relation: relation.key, unit });
  }

  /** Removes one revision, which no reader tracks any more. Owners only. */
  async removeRevision(revision: number): Promise<void> {
    await this.#tools.secretRemove(await this.findId(), revision);
  }

  /** All revisions, and with them the secret. */
  async remove(): Promise<void> {
    await this.#tools.secretRemove(await this.findId());
    this.#content = new Answers();
  }

  #read(read: "peek" | "refresh" | undefined): Promise<SecretContent> {
    return this.#tools.secretGet({ id: this.#id, label: this.label, read });
  }
}
