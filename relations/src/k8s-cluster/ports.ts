/** What the classes here need of `@cantrip/lib`: its Relation, Secret and Model fit as they are, and so does a test's map. */
export type RawBag = Readonly<Record<string, string>>;

/** One relation as the own unit sees it. */
export interface RelationBags {
  readonly id: number;
  /** The remote application; the own one on a peer relation. */
  readonly app: string | undefined;
  units(): Promise<readonly string[]>;
  /** The bag of a unit (`k8s/0`) or of an application (`k8s`). */
  data(entity: string): Promise<RawBag>;
  /** Kept only if the hook ends well; `""` deletes a key. */
  set(as: "unit" | "app", values: RawBag): Promise<void>;
}

export interface SecretHandle<R> {
  readonly id: string | undefined;
  content(options?: { refresh?: boolean }): Promise<RawBag>;
  setContent(content: RawBag): Promise<void>;
  grant(relation: R, unit?: string): Promise<void>;
  remove(): Promise<void>;
}

export interface SecretStore<R> {
  addSecret(
    content: RawBag,
    options: { description?: string; owner?: "application" | "unit" },
  ): Promise<SecretHandle<R>>;
  secret(id: string): Promise<SecretHandle<R>>;
}
