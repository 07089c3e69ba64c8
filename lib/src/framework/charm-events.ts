import type { CharmTypes, NameOf, ParamsOf } from "../charm-types.ts";
import { UnknownName } from "../errors.ts";
import type { CharmDefinition } from "./definition.ts";
import {
  type ActionEvent,
  CollectStatusEvent,
  EventSource,
  type HookEvent,
  type RelationEvent,
  type SecretEvent,
  type StorageEvent,
} from "./events.ts";

/**
 * The five events of an endpoint. `joined`, `departed` and, mostly, `changed` are about one remote unit; `created` and `broken`
 * about the relation.
 */
export interface RelationEvents {
  readonly created: EventSource<RelationEvent>;
  readonly joined: EventSource<RelationEvent>;
  readonly changed: EventSource<RelationEvent>;
  readonly departed: EventSource<RelationEvent>;
  readonly broken: EventSource<RelationEvent>;
}

/** The two events of a storage; each is about one instance. */
export interface StorageEvents {
  readonly attached: EventSource<StorageEvent>;
  readonly detaching: EventSource<StorageEvent>;
}

/** What a charm can observe of Juju. Names that its files do not define are refused at once. */
export class CharmEvents<Types extends CharmTypes = CharmTypes> {
  readonly install = new EventSource<HookEvent>("install");
  readonly start = new EventSource<HookEvent>("start");
  readonly configChanged = new EventSource<HookEvent>("config-changed");
  readonly updateStatus = new EventSource<HookEvent>("update-status");
  readonly upgradeCharm = new EventSource<HookEvent>("upgrade-charm");
  readonly leaderElected = new EventSource<HookEvent>("leader-elected");
  readonly leaderSettingsChanged = new EventSource<HookEvent>("leader-settings-changed");
  readonly stop = new EventSource<HookEvent>("stop");
  readonly remove = new EventSource<HookEvent>("remove");
  readonly secretChanged = new EventSource<SecretEvent>("secret-changed");
  readonly secretRotate = new EventSource<SecretEvent>("secret-rotate");
  readonly secretExpired = new EventSource<SecretEvent>("secret-expired");
  readonly secretRemove = new EventSource<SecretEvent>("secret-remove");
  /** At the end of every dispatch: the worst status that the handlers add is set. */
  readonly collectUnitStatus = new EventSource<CollectStatusEvent>("collect-unit-status");
  /** The same for the application, on its leader. */
  readonly collectAppStatus = new EventSource<CollectStatusEvent>("collect-app-status");
  readonly #definition: CharmDefinition;

  /** @internal */
  constructor(definition: CharmDefinition) {
    this.#definition = definition;
  }

  /** @throws UnknownName */
  relation(endpoint: NameOf<Types, "relations">): RelationEvents {
    mustDefine("endpoint", endpoint, this.#definition.metadata.endpoints);
    const source = (event: string): EventSource<RelationEvent> =>
      new EventSource(`${endpoint}-relation-${event}`);
    return {
      created: source("created"),
      joined: source("joined"),
      changed: source("changed"),
      departed: source("departed"),
      broken: source("broken"),
    };
  }

  /** @throws UnknownName */
  storage(name: NameOf<Types, "storage">): StorageEvents {
    mustDefine("storage", name, this.#definition.metadata.storage);
    return {
      attached: new EventSource(`${name}-storage-attached`),
      detaching: new EventSource(`${name}-storage-detaching`),
    };
  }

  /** @throws UnknownName */
  action<Name extends NameOf<Types, "actions">>(name: Name): EventSource<ActionEvent<ParamsOf<Types, Name>>> {
    mustDefine("action", name, this.#definition.actions.actions);
    return new EventSource(actionEventName(name));
  }
}

/** Actions have a name space of their own: a charm may have an action `start`. */
export const actionEventName = (action: string): string => `${action}-action`;

function mustDefine(kind: string, name: string, entries: readonly { readonly name: string }[]): void {
  if (!entries.some((entry) => entry.name === name))
    throw new UnknownName(
      kind,
      name,
      entries.map((entry) => entry.name),
    );
}
