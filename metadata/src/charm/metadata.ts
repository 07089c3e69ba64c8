import { Findings, MetadataError } from "../errors.ts";
import type { Endpoint as EndpointFile, MetadataFile, Resource, Storage } from "../generated/metadata.ts";
import { validate } from "../generated/metadata.validator.js";
import { isEndpointName, isStorageName, parseEndpointName, parseStorageName } from "../names.ts";
import type { EndpointName, StorageName } from "../names.ts";
import { shaped } from "./shape.ts";
import { parseSizeMiB } from "./size.ts";

export type Role = "provider" | "requirer" | "peer";
export type Scope = "global" | "container";

/** One side of a possible relation. */
export interface Endpoint {
  readonly name: EndpointName;
  readonly role: Role;
  readonly interface: string;
  readonly scope: Scope;
  readonly optional: boolean;
  /** Advisory; absent where the charm sets none. */
  readonly limit?: number;
}

export interface StorageDefinition {
  readonly name: StorageName;
  readonly type: "filesystem" | "block";
  readonly description: string;
  readonly location?: string;
  readonly readOnly: boolean;
  readonly shared: boolean;
  readonly transient: boolean;
  /** How many instances a unit has at least, and at most (`null`: no bound). */
  readonly min: number;
  readonly max: number | null;
  readonly minimumSizeMiB?: number;
}

export interface ResourceDefinition {
  readonly name: string;
  readonly type: "file" | "oci-image";
  readonly filename?: string;
  readonly description: string;
}

export type Assumption =
  string | { readonly anyOf: readonly Assumption[] } | { readonly allOf: readonly Assumption[] };

/** What a charm says about itself, normalised: plain data, fit for JSON. */
export interface CharmMetadata {
  readonly name: string;
  readonly displayName?: string;
  readonly summary: string;
  readonly description: string;
  readonly subordinate: boolean;
  /** Providers, requirers and peers, in the order of the file. The implicit `juju-info` is not among them. */
  readonly endpoints: readonly Endpoint[];
  readonly storage: readonly StorageDefinition[];
  readonly resources: readonly ResourceDefinition[];
  readonly extraBindings: readonly EndpointName[];
  readonly assumes: readonly Assumption[];
  readonly charmUser?: "root" | "sudoer" | "non-root";
  /** Names of containers: Kubernetes charms only. */
  readonly containers: readonly string[];
}

/** The endpoint that every application provides without saying so. */
export const jujuInfo: Endpoint = {
  name: "juju-info" as EndpointName,
  role: "provider",
  interface: "juju-info",
  scope: "global",
  optional: true,
};

/** The entry of that name, in any of the lists of a charm's definitions. */
export function named<Entry extends { readonly name: string }>(
  entries: readonly Entry[],
  name: string,
): Entry | undefined {
  return entries.find((entry) => entry.name === name);
}

const file = "metadata.yaml";

/**
 * @param raw the value of a metadata.yaml
 * @throws MetadataError
 */
export function charmMetadataOf(raw: unknown): CharmMetadata {
  const given = shaped(file, raw, validate);
  const findings = new Findings(file);
  findings.of(() => refuseMixedVersions(given));
  const metadata = {
    name: given.name,
    ...(given["display-name"] === undefined ? {} : { displayName: given["display-name"] }),
    summary: given.summary,
    description: given.description,
    subordinate: given.subordinate ?? false,
    endpoints: endpointsOf(given, findings),
    storage: findings.each(Object.entries(given.storage ?? {}), ([name, storage]) =>
      storageOf(name, storage),
    ),
    resources: findings.each(Object.entries(given.resources ?? {}), ([name, resource]) =>
      resourceOf(name, resource),
    ),
    extraBindings: findings.each(Object.keys(given["extra-bindings"] ?? {}), (name) =>
      endpointName("extra-bindings", name),
    ),
    assumes: findings.each(given.assumes ?? [], assumptionOf),
    ...(given["charm-user"] === undefined ? {} : { charmUser: given["charm-user"] }),
    containers: Object.keys(given.containers ?? {}),
  };
  findings.of(() => refuseCollisions(metadata));
  findings.of(() => refuseAloneSubordinate(metadata));
  findings.settle();
  return metadata;
}

function refuseMixedVersions(given: MetadataFile): void {
  const quote = (keys: string[]): string => keys.map((key) => `"${key}"`).join(", ");
  const v1 = ["series", "deployment", "min-juju-version"].filter((key) => key in given);
  const v2 = ["containers", "assumes", "charm-user"].filter((key) => key in given);
  if (v1.length === 0 || v2.length === 0) return;
  throw new MetadataError(file, `ambiguous metadata: keys ${quote(v1)} cannot be used with ${quote(v2)}`);
}

const sections = [
  ["provides", "provider"],
  ["requires", "requirer"],
  ["peers", "peer"],
] as const;

function endpointsOf(given: MetadataFile, findings: Findings): Endpoint[] {
  return sections.flatMap(([section, role]) =>
    findings.each(Object.entries(given[section] ?? {}), ([name, endpoint]) =>
      endpointOf(section, role, name, endpoint),
    ),
  );
}

function endpointOf(section: string, role: Role, name: string, given: string | EndpointFile): Endpoint {
  const full: EndpointFile = typeof given === "string" ? { interface: given } : given;
  const endpoint: Endpoint = {
    name: endpointName(section, name),
    role,
    interface: full.interface,
    scope: full.scope ?? "global",
    optional: full.optional ?? false,
    ...(full.limit === undefined ? {} : { limit: full.limit }),
  };
  refuseReserved(section, endpoint);
  return endpoint;
}

const isReserved = (name: string): boolean => name === "juju" || name.startsWith("juju-");

function refuseReserved(section: string, endpoint: Endpoint): void {
  const key = `${section}.${endpoint.name}`;
  const subordinateSide = endpoint.role === "requirer" && endpoint.scope === "container";
  if (isReserved(endpoint.name) && !subordinateSide)
    throw new MetadataError(file, `reserved relation name: "${endpoint.name}"`, { key });
  if (endpoint.role === "requirer" || !isReserved(endpoint.interface)) return;
  throw new MetadataError(
    file,
    `relation "${endpoint.name}" using a reserved interface: "${endpoint.interface}"`,
    { key },
  );
}

function endpointName(section: string, name: string): EndpointName {
  if (!isEndpointName(name)) throw wrapped(`${section}.${name}`, () => parseEndpointName(name));
  return name;
}

function wrapped(key: string, act: () => unknown): MetadataError {
  try {
    act();
    return new MetadataError(file, "not valid", { key });
  } catch (error) {
    return new MetadataError(file, (error as Error).message, { key, cause: error });
  }
}

function storageOf(name: string, given: Storage): StorageDefinition {
  const key = `storage.${name}`;
  if (!isStorageName(name)) throw wrapped(key, () => parseStorageName(name));
  if (given.type === "block" && given.location !== undefined)
    throw new MetadataError(file, "location may not be specified for block storage", { key });
  return {
    name,
    type: given.type,
    description: given.description ?? "",
    ...(given.location === undefined ? {} : { location: given.location }),
    readOnly: given["read-only"] ?? false,
    shared: given.shared ?? false,
    transient: given.properties?.includes("transient") ?? false,
    ...rangeOf(key, given.multiple?.range),
    ...(given["minimum-size"] === undefined ? {} : { minimumSizeMiB: sizeOf(key, given["minimum-size"]) }),
  };
}

function sizeOf(key: string, given: string | number): number {
  const size = parseSizeMiB(String(given));
  if (size === undefined)
    throw new MetadataError(file, `cannot parse size "${given}"`, { key: `${key}.minimum-size` });
  return size;
}

/** `N`, `"N-M"`, `"N-"` or `"N+"`; without a range, exactly one. */
function rangeOf(key: string, range: string | number | undefined): { min: number; max: number | null } {
  if (range === undefined) return { min: 1, max: 1 };
  const found = /^(\d{1,9})(?:(-)(\d{1,9})?|(\+))?$/.exec(String(range));
  const [, first, dash, last, plus] = found ?? [];
  const min = Number(first);
  const max = last === undefined ? ((dash ?? plus) === undefined ? min : null) : Number(last);
  const isPossible = found !== null && (max === null || max >= Math.max(min, 1));
  if (!isPossible)
    throw new MetadataError(file, `invalid range "${range}"`, { key: `${key}.multiple.range` });
  return { min, max };
}

function resourceOf(name: string, given: Resource): ResourceDefinition {
  const key = `resources.${name}`;
  const { type = "file", filename, description = "" } = given;
  if (name === "") throw new MetadataError(file, "resource missing name", { key });
  if (type === "file" && !filename) throw new MetadataError(file, "resource missing filename", { key });
  if (type === "file" && filename?.includes("/"))
    throw new MetadataError(file, `filename cannot contain "/" (got "${filename}")`, { key });
  if (filename === "." || filename === "..")
    throw new MetadataError(file, `filename cannot be "${filename}"`, { key });
  return { name, type, ...(filename === undefined ? {} : { filename }), description };
}

function assumptionOf(given: unknown): Assumption {
  if (typeof given === "string") return given;
  const [entry, ...surplus] = Object.entries(given ?? {}) as [string, unknown][];
  const inner = entry?.[1];
  if (entry === undefined || surplus.length > 0 || !Array.isArray(inner))
    throw new MetadataError(file, 'expected "any-of" or "all-of" with a list', { key: "assumes" });
  if (entry[0] === "any-of") return { anyOf: inner.map(assumptionOf) };
  if (entry[0] === "all-of") return { allOf: inner.map(assumptionOf) };
  throw new MetadataError(file, `unknown expression "${entry[0]}": expected "any-of" or "all-of"`, {
    key: "assumes",
  });
}

function refuseCollisions({
  endpoints,
  extraBindings,
}: Pick<CharmMetadata, "endpoints" | "extraBindings">): void {
  const seen = new Set<string>();
  for (const { name, role } of endpoints) {
    const section = sections.find((each) => each[1] === role)?.[0];
    if (seen.has(name))
      throw new MetadataError(file, `duplicated relation name: "${name}"`, { key: `${section}.${name}` });
    seen.add(name);
  }
  const collides = extraBindings.find((name) => seen.has(name));
  if (collides)
    throw new MetadataError(file, `relation names (${collides}) cannot be used in extra bindings`, {
      key: `extra-bindings.${collides}`,
    });
}

function refuseAloneSubordinate({
  name,
  subordinate,
  endpoints,
}: Pick<CharmMetadata, "name" | "subordinate" | "endpoints">): void {
  if (!subordinate) return;
  if (endpoints.some(({ role, scope }) => role === "requirer" && scope === "container")) return;
  throw new MetadataError(
    file,
    `subordinate charm "${name}" lacks "requires" relation with container scope`,
    { key: "subordinate" },
  );
}
