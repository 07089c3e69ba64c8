/** What this interface needs of a charm framework; `@cantrip/lib`'s Relation and Model fit as they are. */
export type RawBag = Readonly<Record<string, string>>;

/** One relation as the own unit sees it. */
export interface RelationBags {
  readonly id: number;
  /** The remote application; the own one on a peer relation. */
  readonly app: string;
  units(): Promise<readonly string[]>;
  /** The bag of a unit (`k8s/0`) or of an application (`k8s`). */
  data(entity: string): Promise<RawBag>;
  /** Buffered until the hook ends well; `""` deletes a key. */
  set(scope: "unit" | "app", values: Record<string, string>): Promise<void>;
}

export interface SecretHandle<R> {
  readonly id: string;
  content(options?: { refresh?: boolean; peek?: boolean }): Promise<Record<string, string>>;
  setContent(content: Record<string, string>): Promise<void>;
  grant(relation: R, unit?: string): Promise<void>;
  remove(): Promise<void>;
}

export interface SecretStore<R> {
  addSecret(
    content: Record<string, string>,
    options: { description?: string; owner?: "application" | "unit" },
  ): Promise<SecretHandle<R>>;
  secret(id: string): Promise<SecretHandle<R>>;
}
