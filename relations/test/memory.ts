/** Bags and secrets of one relation in memory, seen from either side, with Juju's rules as far as these classes lean on them. */
import { SecretNotFound } from "@cantrip/lib";
import type { RawBag, RelationBags, SecretHandle, SecretStore } from "../src/k8s-cluster/ports.ts";

export class MemoryRelation {
  readonly bags = new Map<string, Record<string, string>>();
  readonly secrets = new Map<string, { content: RawBag; readers: Set<string> }>();
  readonly #sides: readonly [string[], string[]];

  constructor(...sides: readonly [string[], string[]]) {
    this.#sides = sides;
  }

  /** The relation as one of its units sees it. */
  as(unit: string): RelationBags & SecretStore<RelationBags> {
    const [mine, theirs] = this.#sides[0].includes(unit) ? this.#sides : [this.#sides[1], this.#sides[0]];
    const app = unit.split("/")[0]!;
    return {
      id: 1,
      app: theirs[0]?.split("/")[0],
      units: () => Promise.resolve(theirs.filter((other) => !mine.includes(other))),
      data: (entity) => Promise.resolve({ ...this.bags.get(entity) }),
      set: (as, values) => Promise.resolve(this.#write(as === "app" ? app : unit, values)),
      addSecret: (content) => Promise.resolve(this.#add(content, unit)),
      secret: (id) => {
        const secret = this.secrets.get(id);
        if (!secret?.readers.has(unit)) return Promise.reject(notFound(id));
        return Promise.resolve(this.#handle(id));
      },
    };
  }

  #write(entity: string, values: RawBag): void {
    const merged = { ...this.bags.get(entity), ...values };
    this.bags.set(entity, Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== "")));
  }

  #add(content: RawBag, owner: string): SecretHandle<RelationBags> {
    const id = `secret:${String(this.secrets.size).padStart(20, "a")}`;
    this.secrets.set(id, { content, readers: new Set([owner]) });
    return this.#handle(id);
  }

  #handle(id: string): SecretHandle<RelationBags> {
    return {
      id,
      content: () => {
        const secret = this.secrets.get(id);
        return secret ? Promise.resolve(secret.content) : Promise.reject(notFound(id));
      },
      setContent: (content) => Promise.resolve(void (this.secrets.get(id)!.content = content)),
      grant: (_, unit) => Promise.resolve(void this.secrets.get(id)!.readers.add(unit ?? "")),
      remove: () => Promise.resolve(void this.secrets.delete(id)),
    };
  }
}

const notFound = (id: string) =>
  new SecretNotFound({ argv: ["secret-get", id], exitCode: 1, stderr: `ERROR secret "${id}" not found` });
