import type { Endpoint } from "@cantrip/metadata";
import type { CharmTypes, ConfigOf, NameOf } from "../charm-types.ts";
import { RelationNotFound, ToolError, UnknownName } from "../errors.ts";
import type { DispatchContext } from "../framework/context.ts";
import type { CharmDefinition } from "../framework/definition.ts";
import type { HookTools } from "../tools/tools.ts";
import type { SecretOptions } from "../tools/types.ts";
import { Answers } from "./answers.ts";
import { Application } from "./application.ts";
import { type Binding, bindingOf } from "./network.ts";
import { Relation, type RelationWorld } from "./relation.ts";
import { checkContent, looksLikeSecretId, Secret, type SecretContent } from "./secret.ts";
import { StorageInstance } from "./storage.ts";
import { type Clock, Unit } from "./unit.ts";

/**
 * The model as this unit sees it in this dispatch: asked of Juju when needed, and once. Writes go straight to the hook tools;
 * what must not stay after a failed hook is buffered by the agent, not here.
 */
export class Model<Types extends CharmTypes = CharmTypes> {
  readonly name: string;
  readonly uuid: string;
  readonly jujuVersion: string;
  readonly unit: Unit;
  readonly app: Application;
  readonly #tools: HookTools;
  readonly #context: DispatchContext;
  readonly #definition: CharmDefinition;
  readonly #world: RelationWorld;
  readonly #relations = new Answers<readonly Relation[]>();
  readonly #byKey = new Map<string, Relation>();
  readonly #config = new Answers<ConfigOf<Types>>();

  /** @internal */
  constructor({
    tools,
    context,
    definition,
    clock,
  }: {
    tools: HookTools;
    context: DispatchContext;
    definition: CharmDefinition;
    clock: Clock;
  }) {
    this.name = context.modelName;
    this.uuid = context.modelUuid;
    this.jujuVersion = context.jujuVersion;
    this.unit = new Unit(context.unit, { tools, clock });
    this.app = new Application(context.app, tools);
    this.#tools = tools;
    this.#context = context;
    this.#definition = definition;
    this.#world = { tools, unit: context.unit, app: context.app, isLeader: () => this.unit.isLeader() };
  }

  /** The charm's options, typed as its files say. */
  config(): Promise<ConfigOf<Types>> {
    // The charm's files say which options there are, and Juju keeps to them.
    return this.#config.get("config", () => this.#tools.config() as Promise<ConfigOf<Types>>);
  }

  /** The relations of an endpoint, without one that is being broken. */
  relations(endpoint: NameOf<Types, "relations">): Promise<readonly Relation[]> {
    const defined = this.#endpoint(endpoint);
    return this.#relations.get(endpoint, () => this.#list(defined));
  }

  /**
   * A relation by its id, be it listed or not: one that is being broken, or gone by now, is not active.
   * @throws UnknownName
   */
  async relation(endpoint: NameOf<Types, "relations">, id: number): Promise<Relation> {
    const listed = (await this.relations(endpoint)).find((relation) => relation.id === id);
    return listed ?? this.#relation(this.#endpoint(endpoint), id, { active: false });
  }

  /** The relation of this event; it may be one that is being broken. */
  async eventRelation(): Promise<Relation | undefined> {
    const { relation } = this.#context;
    return relation === undefined ? undefined : this.#relation(this.#endpoint(relation.name), relation.id);
  }

  /** @throws SecretContentError, NotLeader */
  async addSecret(
    content: SecretContent,
    { owner = "application", ...options }: SecretOptions = {},
  ): Promise<Secret> {
    checkContent(content);
    const id = await this.#tools.secretAdd(content, { owner, ...options });
    return new Secret(this.#tools, { id, label: options.label, content });
  }

  /**
   * A secret by id or label. With both, this unit knows it by that label from now on.
   * @throws SecretNotFound
   */
  async secret(idOrLabel: string | { id?: string; label?: string }): Promise<Secret> {
    const by =
      typeof idOrLabel === "string"
        ? looksLikeSecretId(idOrLabel)
          ? { id: idOrLabel }
          : { label: idOrLabel }
        : idOrLabel;
    const secret = new Secret(this.#tools, by);
    await secret.content();
    return secret;
  }

  /**
   * The path of a resource's file, or undefined if none was ever uploaded.
   * @throws UnknownName, ToolError
   */
  async resource(name: NameOf<Types, "resources">): Promise<string | undefined> {
    this.#known("resource", name, this.#definition.metadata.resources);
    try {
      return await this.#tools.resource(name);
    } catch (error) {
      if (error instanceof ToolError && /not found/i.test(error.stderr)) return undefined;
      throw error;
    }
  }

  /** The addresses of an endpoint, or of one relation of it. */
  async binding(of: string | Relation): Promise<Binding> {
    if (of instanceof Relation) return bindingOf(await this.#tools.network(of.name, of.key));
    const { endpoints, extraBindings } = this.#definition.metadata;
    this.#known("endpoint or binding", of, [
      ...endpoints,
      ...extraBindings.map((name) => ({ name })),
      { name: "juju-info" },
    ]);
    return bindingOf(await this.#tools.network(of));
  }

  /** The attached instances of a storage. */
  async storage(name: NameOf<Types, "storage">): Promise<readonly StorageInstance[]> {
    this.#known("storage", name, this.#definition.metadata.storage);
    return (await this.#tools.storageList(name)).map((id) => new StorageInstance(this.#tools, id));
  }

  /** Asks for more instances; each comes with a storage-attached event. */
  async requestStorage(name: NameOf<Types, "storage">, count = 1): Promise<void> {
    this.#known("storage", name, this.#definition.metadata.storage);
    await this.#tools.storageAdd(name, count);
  }

  #endpoint(name: string): Endpoint {
    return this.#known("endpoint", name, this.#definition.metadata.endpoints);
  }

  #known<Entry extends { readonly name: string }>(
    kind: string,
    name: string,
    entries: readonly Entry[],
  ): Entry {
    const entry = entries.find((candidate) => candidate.name === name);
    if (entry === undefined)
      throw new UnknownName(
        kind,
        name,
        entries.map((known) => known.name),
      );
    return entry;
  }

  async #list(endpoint: Endpoint): Promise<readonly Relation[]> {
    const ids = (await this.#tools.relationIds(endpoint.name)).map((key) =>
      Number(key.slice(key.lastIndexOf(":") + 1)),
    );
    const relations: Relation[] = [];
    for (const id of ids.toSorted((a, b) => a - b)) relations.push(await this.#relation(endpoint, id));
    return relations.filter(({ key }) => key !== this.#broken);
  }

  /** The relation that this event is the end of: it is not listed any more, only the event has it. */
  get #broken(): string | undefined {
    const { relation, name } = this.#context;
    return relation !== undefined && name === `${relation.name}-relation-broken`
      ? `${relation.name}:${relation.id}`
      : undefined;
  }

  async #relation(endpoint: Endpoint, id: number, known: { active?: false } = {}): Promise<Relation> {
    const key = `${endpoint.name}:${id}`;
    const found = this.#byKey.get(key);
    if (found !== undefined) return found;
    const made = new Relation(this.#world, {
      id,
      endpoint,
      ...(await this.#factsOf(endpoint, key)),
      ...known,
    });
    // Two callers may have asked at once: the first object made is the one that all share, with its cache.
    const relation = this.#byKey.get(key) ?? made;
    this.#byKey.set(key, relation);
    return relation;
  }

  async #factsOf(
    endpoint: Endpoint,
    key: string,
  ): Promise<{
    app: string | undefined;
    active: boolean;
    departingUnit: string | undefined;
    units?: readonly string[];
  }> {
    const { relation } = this.#context;
    const isOfEvent = relation !== undefined && `${relation.name}:${relation.id}` === key;
    const active = key !== this.#broken;
    const departingUnit = isOfEvent ? relation.departingUnit : undefined;
    if (endpoint.role === "peer") return { app: this.app.name, active, departingUnit };
    if (isOfEvent && relation.remoteApp !== undefined)
      return { app: relation.remoteApp, active, departingUnit };
    return { active, departingUnit, ...(await this.#remoteSide(key)) };
  }

  /** A unit's name tells its application; only a relation without units needs one more question. */
  async #remoteSide(
    key: string,
  ): Promise<{ app: string | undefined; units?: readonly string[]; active?: false }> {
    try {
      const units = await this.#tools.relationList(key);
      const app = units[0]?.split("/")[0] ?? (await this.#tools.relationApp(key));
      return { app: app || undefined, units };
    } catch (error) {
      if (error instanceof RelationNotFound) return { app: undefined, units: [], active: false };
      throw error;
    }
  }
}
