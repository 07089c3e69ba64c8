/** The databags of `k8s-cluster`, parsed once, where they enter. A value that cannot be what it claims counts as absent. */
import type { RawBag } from "./ports.ts";

/** What runs a node: our package or the snap. Canonical's charms do not say it, and run the snap. */
export type NodeKind = "package" | "snap";

export interface TokenFailure {
  /** The revision inside the content of the secret, not Juju's. */
  readonly revision: number;
  readonly error: string;
}

/** The bag of a unit, on either side. */
export interface UnitBag {
  /** On a claimant its presence is the request for a token. */
  readonly nodeName?: string;
  readonly clusterName?: string;
  readonly joined?: string;
  readonly version?: string;
  readonly tokenFailure?: TokenFailure;
  readonly nodeKind: NodeKind;
  /** Keys whose values were refused. */
  readonly refused: readonly string[];
}

export interface ClaimantState {
  readonly phase: "pending" | "joined";
  readonly node: string;
}

/** A node whose unit is gone while the node could not be removed yet. */
export interface DepartedNode {
  readonly node: string;
  readonly force: boolean;
}

/** The bag of the control plane's application. */
export interface AppBag {
  readonly states: ReadonlyMap<string, ClaimantState>;
  readonly secretIds: ReadonlyMap<string, string>;
  readonly version?: string;
  readonly bootstrapCertificates?: string;
  readonly bootstrapClaim?: string;
  readonly departedNodes: readonly DepartedNode[];
  readonly nodeKind: NodeKind;
}

const NODE_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/u;
const CLUSTER_NAME = /^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$/u;
const VERSION = /^\d+(\.\d+){1,2}([-+][0-9A-Za-z.+-]+)?$/u;
const UNIT_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*\/(0|[1-9]\d*)$/u;
const SECRET_ID = /^secret:(\/\/[0-9a-f-]{36}\/)?[0-9a-z]{20}$/u;
const LONGEST_ERROR = 2000;

const matching = (pattern: RegExp, maximum: number) => (value: string) =>
  value.length <= maximum && pattern.test(value) ? value : undefined;
export const nodeName = matching(NODE_NAME, 253);
const clusterName = matching(CLUSTER_NAME, 253);
const version = matching(VERSION, 64);
export const unitName = matching(UNIT_NAME, 253);
/** Secret ids are opaque across models, hence both forms. */
export const secretId = matching(SECRET_ID, 253);

export function parseUnitBag(raw: RawBag): UnitBag {
  const refused: string[] = [];
  const accept = <T>(key: string, parse: (value: string) => T | undefined): T | undefined => {
    const value = own(raw, key);
    const parsed = value === undefined ? undefined : parse(value);
    if (value !== undefined && parsed === undefined) refused.push(key);
    return parsed;
  };
  return {
    ...optional("nodeName", accept("node-name", nodeName)),
    ...optional("clusterName", accept("cluster-name", clusterName)),
    ...optional("joined", accept("joined", clusterName)),
    ...optional("version", accept("version", version)),
    ...optional("tokenFailure", accept("token-failure", parseTokenFailure)),
    nodeKind: kindOf(raw),
    refused,
  };
}

/** States are those of the units of `claimants`, whatever that application is called. */
export function parseAppBag(raw: RawBag, claimants: string): AppBag {
  const states = new Map<string, ClaimantState>();
  const secretIds = new Map<string, string>();
  for (const [key, value] of Object.entries(raw)) {
    const state = isUnitOf(claimants, key) ? parseState(value) : undefined;
    if (state) states.set(key, state);
    const owner = key.endsWith("-secret-id") ? key.slice(0, -"-secret-id".length) : "";
    if (isUnitOf(claimants, owner) && secretId(value)) secretIds.set(owner, value);
  }
  const claim = unitName(own(raw, "bootstrap-claim") ?? "");
  return {
    states,
    secretIds,
    ...optional("version", version(own(raw, "version") ?? "")),
    ...optional("bootstrapCertificates", own(raw, "bootstrap-certificates")),
    ...optional("bootstrapClaim", claim),
    departedNodes: parseDepartedNodes(own(raw, "departed-nodes") ?? "[]"),
    nodeKind: kindOf(raw),
  };
}

export const formatState = ({ phase, node }: ClaimantState): string => `${phase}-${node}`;
export const formatTokenFailure = ({ revision, error }: TokenFailure): string =>
  JSON.stringify({ revision, error: error.slice(0, LONGEST_ERROR) });
export const formatDepartedNodes = (nodes: readonly DepartedNode[]): string =>
  nodes.length === 0 ? "" : JSON.stringify(nodes.map(({ node, force }) => ({ node, force })));

function parseState(value: string): ClaimantState | undefined {
  const match = /^(pending|joined)-(.+)$/u.exec(value);
  const node = nodeName(match?.[2] ?? "");
  return node ? { phase: match?.[1] === "joined" ? "joined" : "pending", node } : undefined;
}

function parseTokenFailure(value: string): TokenFailure | undefined {
  const parsed = json(value);
  if (!isRecord(parsed) || typeof parsed["error"] !== "string") return undefined;
  const { revision, error } = parsed;
  const counts = typeof revision === "number" && Number.isSafeInteger(revision) && revision >= 0;
  return counts ? { revision, error: error.slice(0, LONGEST_ERROR) } : undefined;
}

function parseDepartedNodes(value: string): DepartedNode[] {
  const parsed = json(value);
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((item: unknown) => {
    const node = isRecord(item) && typeof item["node"] === "string" ? nodeName(item["node"]) : undefined;
    return node ? [{ node, force: isRecord(item) && item["force"] === true }] : [];
  });
}

const kindOf = (raw: RawBag): NodeKind => (own(raw, "node-kind") === "package" ? "package" : "snap");
const isUnitOf = (app: string, name: string) =>
  unitName(name) !== undefined && name.slice(0, name.lastIndexOf("/")) === app;
/** An empty value is Juju's "deleted". */
const own = (raw: RawBag, key: string) => (Object.hasOwn(raw, key) && raw[key] ? raw[key] : undefined);
const optional = <K extends string, T>(key: K, value: T | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { [P in K]?: T };
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
