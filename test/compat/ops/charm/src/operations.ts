/** The words of a script, by our framework. What an operation returns is written down as seen. */
import {
  ActionEvent,
  type ActionResults,
  CollectStatusEvent,
  DataEvent,
  EndDispatch,
  type HookEvent,
  type Json,
  Relation,
  RelationEvent,
  type RotatePolicy,
  Secret,
  SecretEvent,
  type SettableStatus,
  StorageEvent,
} from "@cantrip/lib";
import type { TwinCharm } from "./charm.ts";

interface Scene {
  readonly charm: TwinCharm;
  readonly event: HookEvent;
}
type Strings = Readonly<Record<string, string>>;
interface Described {
  label?: string;
  description?: string;
  rotate?: RotatePolicy;
  expire?: string;
}
// The arguments come from JSON that the cases, in this repository, wrote.
// oxlint-disable-next-line typescript/no-explicit-any
type Operation = (scene: Scene, args: any) => unknown;

/** The same kinds of failure in both languages. */
const kinds: Readonly<Record<string, string>> = {
  RelationNotFound: "relation not found",
  SecretNotFound: "secret not found",
  NotLeader: "not the leader",
  PermissionDenied: "tool failed",
  ToolError: "tool failed",
  RelationAccessError: "relation access",
  RelationTypeError: "relation type",
  SecretContentError: "secret content",
  UnknownName: "unknown name",
  ResultKeyError: "result key",
  NotDeferrable: "not deferrable",
};

export function nameOf(error: unknown): string {
  const { name, message } = error as Error;
  return kinds[name] ?? `${name}: ${message}`;
}

async function relationOf({ charm, event }: Scene, which: string): Promise<Relation> {
  if (which === "event") return (event as RelationEvent).relation;
  const [endpoint = "", id] = which.split(":");
  const found = await charm.model.relations(endpoint);
  const relation = id === undefined ? found[0] : found.find((one) => one.id === Number(id));
  if (relation === undefined) throw new Error(`no relation ${which}`);
  return relation;
}

/** A secret made in this dispatch, by the word "new". */
let made: Secret | undefined;

async function secretOf(
  { charm, event }: Scene,
  which: string | { id?: string; label?: string },
): Promise<Secret> {
  if (which === "event") return (event as SecretEvent).secret;
  if (which === "new" && made !== undefined) return made;
  return charm.model.secret(which);
}

function small(name: string, value: unknown): number {
  if (typeof value !== "number" || value > 1000) throw new Error(`${name} is too large`);
  return value;
}

const described = ({ expire, ...rest }: Described = {}) => ({
  ...rest,
  ...(expire === undefined ? {} : { expire: new Date(expire) }),
});
const bare = (id: string | undefined): string | undefined => id?.replace(/^secret:/, "");

function facts(event: HookEvent): unknown {
  if (event instanceof RelationEvent) {
    const { relation, app = null, unit = null, departingUnit = null } = event;
    return { relation: relation.id, active: relation.active, app, unit, departingUnit };
  }
  if (event instanceof SecretEvent)
    return { id: event.secret.uniqueId, label: event.secret.label ?? null, revision: event.revision ?? null };
  if (event instanceof StorageEvent) return { name: event.storage.name, index: event.storage.index };
  if (event instanceof ActionEvent) return { params: event.params };
  return {};
}

export const operations: Readonly<Record<string, Operation>> = {
  facts: ({ event }) => facts(event),
  model: ({ charm: { model } }) => ({
    name: model.name,
    uuid: model.uuid,
    unit: model.unit.name,
    app: model.app.name,
    version: model.jujuVersion,
  }),
  config: async ({ charm }) => ({ ...(await charm.model.config()) }),
  "load-config": async ({ charm }, [invalid]) => {
    const { port } = await charm.loadConfig(({ port }) => ({ port: small("port", port) }), { invalid });
    return port;
  },
  "load-params": async ({ event }, [invalid]) => {
    const parse = ({ depth }: Readonly<Record<string, unknown>>) => ({ depth: small("depth", depth) });
    return (await (event as ActionEvent).loadParams(parse, { invalid })).depth;
  },
  leader: ({ charm }) => charm.model.unit.isLeader(),
  "planned-units": ({ charm }) => charm.model.app.plannedUnits(),
  log: ({ charm }, [level, text]: ["debug" | "info" | "warning" | "error", string]) => charm.log[level](text),

  status: ({ charm }, [status, message]: [SettableStatus, string]) =>
    charm.model.unit.setStatus({ status, message }),
  "app-status": ({ charm }, [status, message]: [SettableStatus, string]) =>
    charm.model.app.setStatus({ status, message }),
  "status-read": async ({ charm }) => charm.model.unit.status(),
  "app-status-read": async ({ charm }) => charm.model.app.status(),
  "add-status": ({ event }, [status, message]: [SettableStatus, string]) =>
    (event as CollectStatusEvent).addStatus({ status, message }),
  version: ({ charm }, [version]: [string]) => charm.model.unit.setWorkloadVersion(version),

  relations: async ({ charm }, [endpoint]: [string]) =>
    Promise.all(
      (await charm.model.relations(endpoint)).map(async (one) => [
        one.id,
        one.app,
        (await one.units()).toSorted(),
        one.active,
      ]),
    ),
  units: async (scene, [which]: [string]) => (await (await relationOf(scene, which)).units()).toSorted(),
  get: async (scene, [which, entity]: [string, string]) => (await relationOf(scene, which)).data(entity),
  set: async (scene, [which, as, values]: [string, "app" | "unit", Strings]) =>
    (await relationOf(scene, which)).set(as, values),
  "remote-model": async (scene, [which]: [string]) => (await relationOf(scene, which)).remoteModelUuid(),
  binding: async ({ charm }, [name]: [string]) => bindingSeen(await charm.model.binding(name)),
  "relation-binding": async (scene, [which]: [string]) =>
    bindingSeen(await scene.charm.model.binding(await relationOf(scene, which))),

  "secret-add": async (
    { charm },
    [owner, content, options]: ["application" | "unit", Strings, Described],
  ) => {
    made = await charm.model.addSecret(content, { owner, ...described(options) });
    return bare(made.id);
  },
  "secret-read": async (scene, [which, { refresh = false } = {}]) =>
    (await secretOf(scene, which)).content({ refresh }),
  "secret-peek": async (scene, [which]) => (await secretOf(scene, which)).peek(),
  "secret-info": async (scene, [which]) => {
    const { id, revision, label = null, description = null } = await (await secretOf(scene, which)).info();
    return { id: bare(id), revision, label, description };
  },
  "secret-set": async (scene, [which, content]) => (await secretOf(scene, which)).setContent(content),
  "secret-describe": async (scene, [which, options]) =>
    (await secretOf(scene, which)).setInfo(described(options)),
  "secret-grant": async (scene, [which, relation, unit]) =>
    (await secretOf(scene, which)).grant(await relationOf(scene, relation), unit),
  "secret-revoke": async (scene, [which, relation, unit]) =>
    (await secretOf(scene, which)).revoke(await relationOf(scene, relation), unit),
  "secret-remove": async (scene, [which]) => (await secretOf(scene, which)).remove(),
  "secret-remove-revision": async (scene, [which, revision]) =>
    (await secretOf(scene, which)).removeRevision(revision),
  "event-remove-revision": ({ event }) => (event as SecretEvent).removeRevision(),

  "open-port": ({ charm }, [port]: [string]) => charm.model.unit.openPort(port),
  "close-port": ({ charm }, [port]: [string]) => charm.model.unit.closePort(port),
  "set-ports": ({ charm }, ports: string[]) => charm.model.unit.setPorts(...ports),
  ports: async ({ charm }) => (await charm.model.unit.openedPorts()).toSorted(),
  resource: ({ charm }, [name]: [string]) => charm.model.resource(name),
  reboot: ({ charm }, [now = false]: [boolean?]) => charm.model.unit.reboot({ now }),

  storage: async ({ charm }, [name]: [string]) =>
    Promise.all(
      (await charm.model.storage(name)).map(async (one) => [one.name, one.index, await one.location()]),
    ),
  "storage-request": ({ charm }, [name, count]: [string, number]) => charm.model.requestStorage(name, count),
  location: ({ event }) => (event as StorageEvent).storage.location(),

  results: ({ event }, [results]: [ActionResults]) => (event as ActionEvent).setResults(results),
  "action-log": ({ event }, [text]: [string]) => (event as ActionEvent).log(text),
  "action-fail": ({ event }, [text]: [string]) => (event as ActionEvent).fail(text),

  store: ({ charm }, [key, value]: [string, Json]) => charm.stored.set(key, value),
  stored: ({ charm }, [key]: [string]) => charm.stored.get(key) ?? null,
  default: ({ charm }, [key, value]: [string, Json]) => charm.stored.setDefault(key, value),
  defer: ({ event }) => event.defer(),
  ping: ({ charm }, [word]: [string]) =>
    charm.framework.emit(charm.pinged, new DataEvent(charm.pinged, { word })),
  word: ({ event }) => (event as DataEvent<{ word: string }>).data.word,
  raise: (_, [text]: [string]) => {
    throw new Error(text);
  },
  exit: (_, [code]: [number]) => {
    throw new EndDispatch(code);
  },
};

function bindingSeen({
  bindAddress,
  ingressAddress,
  ingressAddresses,
  egressSubnets,
  interfaces,
}: Awaited<ReturnType<TwinCharm["model"]["binding"]>>): unknown {
  return {
    bindAddress,
    ingressAddress,
    ingressAddresses,
    egressSubnets,
    interfaces: interfaces.map(({ name, address }) => [name, address]),
  };
}
