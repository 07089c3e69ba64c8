import type { Endpoint } from "@cantrip/metadata";
import { PermissionDenied, RelationAccessError, RelationNotFound, RelationTypeError } from "../errors.ts";
import type { HookTools } from "../tools/tools.ts";
import { Answers } from "./answers.ts";

type Bag = Readonly<Record<string, string>>;

/** What a relation needs to know about the dispatch it lives in. */
export interface RelationWorld {
  readonly tools: HookTools;
  readonly unit: string;
  readonly app: string;
  isLeader(): Promise<boolean>;
}

export interface RelationFacts {
  readonly id: number;
  readonly endpoint: Pick<Endpoint, "name" | "role">;
  readonly app: string | undefined;
  /** False while it is being broken. */
  readonly active: boolean;
  /** The unit on its way out in this event: not listed any more, its bag still readable. */
  readonly departingUnit: string | undefined;
  readonly units?: readonly string[];
}

/** One relation of this unit. A relation that is gone has no units and empty databags; that is no error. */
export class Relation {
  readonly id: number;
  readonly name: string;
  /** The other application; the own one in a peer relation; absent in odd cases while it begins or ends. */
  readonly app: string | undefined;
  readonly active: boolean;
  readonly isPeer: boolean;
  readonly #world: RelationWorld;
  readonly #departingUnit: string | undefined;
  readonly #bags = new Answers<Bag>();
  readonly #units = new Answers<readonly string[]>();

  /** @internal */
  constructor(world: RelationWorld, { id, endpoint, app, active, departingUnit, units }: RelationFacts) {
    this.id = id;
    this.name = endpoint.name;
    this.app = app;
    this.active = active;
    this.isPeer = endpoint.role === "peer";
    this.#world = world;
    this.#departingUnit = departingUnit;
    if (units !== undefined) this.#units.set(this.key, units);
  }

  /** As the tools name it: `endpoint:id`. */
  get key(): string {
    return `${this.name}:${this.id}`;
  }

  /** Remote units (other units, in a peer relation), without the one that departs. */
  async units(): Promise<readonly string[]> {
    const list = (): Promise<readonly string[]> => orWhenGone(this.#world.tools.relationList(this.key), []);
    return (await this.#units.get(this.key, list)).filter((unit) => unit !== this.#departingUnit);
  }

  /**
   * The databag of a unit or application, by its name.
   * @throws RelationAccessError
   */
  async data(entity: string): Promise<Bag> {
    await this.#checkReadable(entity);
    return this.#bags.get(entity, () => this.#read(entity));
  }

  /**
   * Writes into the own unit's or application's databag, in one call and only what differs; the empty string deletes a key.
   * @throws RelationAccessError if the application's databag is written without leadership
   */
  async set(as: "app" | "unit", values: Bag): Promise<void> {
    this.#checkStrings(values);
    const entity = as === "app" ? this.#world.app : this.#world.unit;
    if (as === "app" && !(await this.#world.isLeader()))
      throw this.#denied(entity, "write", "only the leader may");
    const present = await this.data(entity);
    const changes = Object.entries(values).filter(([key, value]) => (present[key] ?? "") !== value);
    if (changes.length === 0) return;
    await this.#world.tools.relationSet(this.key, as, Object.fromEntries(changes));
    this.#bags.set(entity, merged(present, changes));
  }

  /** The UUID of the model on the other side. */
  async remoteModelUuid(): Promise<string> {
    return (await this.#world.tools.relationModel(this.key)).uuid;
  }

  async #read(entity: string): Promise<Bag> {
    // Where a refusal may be meant for this unit, only a relation that is not found is gone.
    const signs = (await this.#isBarred(entity)) ? [RelationNotFound] : signsOfEnd;
    return orWhenGone(this.#world.tools.relationGet(this.key, entity), {}, signs);
  }

  async #checkReadable(entity: string): Promise<void> {
    const { app } = this.#world;
    const owner = entity.split("/")[0];
    const isRelated = owner === app || this.app === undefined || owner === this.app;
    if (!isRelated) throw this.#denied(entity, "read", `it is between "${app}" and "${this.app}"`);
    // What is gone has nothing to protect; while it goes, Juju itself knows best.
    if (this.active && (await this.#isBarred(entity)))
      throw this.#denied(entity, "read", `only the leader may, and "${this.#world.unit}" is not`);
  }

  /** The own application's databag, which in a relation to others is the leader's to read. */
  async #isBarred(entity: string): Promise<boolean> {
    return entity === this.#world.app && !this.isPeer && !(await this.#world.isLeader());
  }

  #checkStrings(values: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(values)) {
      if (key === "" || key.includes("="))
        throw new RelationTypeError(this.key, key, 'a key is not empty and has no "="');
      if (typeof value !== "string")
        throw new RelationTypeError(
          this.key,
          key,
          `expected a string, got ${value === null ? "null" : typeof value}`,
        );
    }
  }

  #denied(entity: string, attempt: "read" | "write", reason: string): RelationAccessError {
    return new RelationAccessError({ relation: this.key, entity, attempt, reason });
  }
}

const signsOfEnd = [RelationNotFound, PermissionDenied];

/** While a relation ends, Juju refuses or no longer finds it: for the charm there is simply nothing there. */
async function orWhenGone<Value>(reading: Promise<Value>, empty: Value, signs = signsOfEnd): Promise<Value> {
  try {
    return await reading;
  } catch (error) {
    if (signs.some((sign) => error instanceof sign)) return empty;
    throw error;
  }
}

function merged(bag: Bag, changes: readonly (readonly [string, string])[]): Bag {
  return Object.fromEntries(
    Object.entries({ ...bag, ...Object.fromEntries(changes) }).filter(([, value]) => value !== ""),
  );
}
