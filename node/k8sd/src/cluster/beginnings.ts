/**
 * What a node is as an operation begins: a request, checked, becomes an identity with its journal. Nothing is asked of anyone,
 * and nothing on the machine is changed.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { BootstrapConfig } from "@cantrip/metadata/k8sd";
import { now } from "../base/clock.ts";
import { ApiError } from "../base/errors.ts";
import type { Identity, JoinConfig } from "../base/identity.ts";
import { leavesOf } from "../pki/status.ts";
import {
  externalAuthoritiesOf,
  problemsOfBootstrapCertificates,
  problemsOfLeaves,
  suppliedAmong,
} from "../pki/supplied.ts";
import { datastoreOf } from "./datastore.ts";
import {
  checkAddress,
  checkNodeName,
  problemsOfBootstrap,
  problemsOfJoin,
  resolveSettings,
} from "./settings.ts";
import type { SnapshotDocument } from "./snapshot.ts";
import { decodeToken, hashOf } from "./tokens.ts";

const DEFAULT_TIMEOUT_MS = 180_000;
const CEILING_MS = 3_600_000;

export interface NodeRequest {
  readonly name: string;
  readonly address: string;
  readonly timeoutMs?: number;
}

/** @throws ApiError 400 with all of the problems, if there are any */
export function refuse(what: string, problems: readonly string[]) {
  if (problems.length > 0) throw new ApiError(400, `${what}: ${problems.join("; ")}`);
}

/** How long an operation may take; 0 stands for the default. */
export const boundedTimeout = (timeoutMs = 0) =>
  Math.min(timeoutMs > 0 ? timeoutMs : DEFAULT_TIMEOUT_MS, CEILING_MS);

/** The first node of a new cluster. @throws ApiError 400 */
export function beginBootstrap({ name, address, timeoutMs }: NodeRequest, config: BootstrapConfig): Identity {
  checkNodeName(name);
  const ip = checkAddress(address);
  refuse("invalid bootstrap configuration", problemsOfBootstrap(config));
  const identity: Identity = {
    schema: 1,
    clusterId: randomUUID(),
    name,
    role: "control-plane",
    address: ip,
    extraSans: config["extra-sans"] ?? [],
    externalAuthorities: externalAuthoritiesOf(config),
    supplied: [],
    peers: [`${ip}:6400`],
    datastore: datastoreOf(config),
    generation: 1,
    credential: randomBytes(8).toString("hex"),
    settings: resolveSettings(config),
    journal: { operation: "bootstrap", config, timeoutMs: boundedTimeout(timeoutMs) },
  };
  const leaves = leavesOf(identity);
  refuse("invalid bootstrap configuration", problemsOfBootstrapCertificates(config, leaves, identity, now()));
  return { ...identity, supplied: suppliedAmong(config, leaves) };
}

/** A control plane that goes on alone with what a snapshot holds. @throws ApiError 400 */
export function beginRestore(
  { name, address, timeoutMs }: NodeRequest,
  document: SnapshotDocument,
): Identity {
  checkNodeName(name);
  const ip = checkAddress(address);
  const { clusterId, generation, settings, extraSans, externalAuthorities = [] } = document;
  if (externalAuthorities.length > 0)
    throw new ApiError(
      400,
      `Cannot restore: the keys of some authorities (${externalAuthorities.join(", ")}) are kept elsewhere, and a snapshot holds no certificates for a new machine; this is not supported yet`,
    );
  return {
    schema: 1,
    clusterId,
    name,
    role: "control-plane",
    address: ip,
    extraSans,
    externalAuthorities,
    supplied: [],
    peers: [`${ip}:6400`],
    datastore: { type: "etcd" },
    generation: generation + 1,
    credential: randomBytes(8).toString("hex"),
    settings,
    journal: { operation: "restore", timeoutMs: boundedTimeout(timeoutMs) },
  };
}

/** A node that is still to be admitted: it learns the cluster and its settings from a control plane. @throws ApiError 400 */
export function beginJoin(
  { name, address, token, timeoutMs }: NodeRequest & { token: string },
  config: JoinConfig,
): Identity {
  checkNodeName(name);
  const ip = checkAddress(address);
  const { role, addresses } = decodeToken(token);
  const identity: Identity = {
    schema: 1,
    // Known once a control plane has admitted this node.
    clusterId: "",
    credential: "",
    settings: resolveSettings({ "cluster-config": { network: { enabled: true } } }),
    name,
    role,
    address: ip,
    extraSans: config["extra-sans"] ?? [],
    externalAuthorities: [],
    supplied: [],
    joinedWith: hashOf(token),
    peers: addresses,
    datastore: { type: "etcd" },
    generation: 1,
    journal: { operation: "join", token, config, timeoutMs: boundedTimeout(timeoutMs) },
  };
  // What signed them is known once a control plane has answered (join.ts).
  const certificates = problemsOfLeaves(config, {
    leaves: leavesOf(identity),
    node: identity,
    authorities: {},
    external: [],
    now: now(),
  });
  refuse("invalid join configuration", [...problemsOfJoin(config), ...certificates]);
  return identity;
}
