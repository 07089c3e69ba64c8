import type { ConfigValue } from "../charm-types.ts";
import type { Json, Notice } from "../framework/stored.ts";
import type { LogLevel } from "../log/log.ts";

type Bag = Readonly<Record<string, string>>;

/** One relation of the unit under test. */
export interface RelationState {
  readonly endpoint: string;
  /** Default: counted from 0 in the order of the list. */
  readonly id?: number;
  /** The application on the other side; the own one on a peer endpoint. Default: `remote`. */
  readonly app?: string;
  /** The other side's units (on a peer endpoint: the other units) with their databags. */
  readonly units?: Readonly<Record<string, Bag>>;
  readonly appData?: Bag;
  readonly ownUnitData?: Bag;
  /** On a peer endpoint the same as `appData`. */
  readonly ownAppData?: Bag;
  /** It was removed and is on its way out. */
  readonly dying?: boolean;
}

/** A secret that the unit under test owns or was granted. */
export interface SecretState {
  /** 20 lower-case letters and digits, without `secret:`. */
  readonly id: string;
  /** Default `remote`: someone else's, granted to this unit. */
  readonly owner?: "application" | "unit" | "remote";
  readonly label?: string;
  readonly description?: string;
  readonly rotate?: string;
  /** Milliseconds since 1970. */
  readonly expiresAt?: number;
  /** The revision that this unit tracks; of an own secret the latest. */
  readonly content: Bag;
  /** A remote secret's newer revision, that this unit did not ask for yet. */
  readonly latest?: Bag;
  /** The number of `content`'s revision. */
  readonly revision?: number;
  /** Earlier revisions of an own secret that are still kept. */
  readonly obsolete?: readonly number[];
  readonly grants?: readonly { readonly relation: number; readonly unit?: string }[];
}

/** How things stand before a dispatch. What is not said is as for a unit that was just deployed. */
export interface State {
  readonly app?: string;
  readonly unitNumber?: number;
  readonly leader?: boolean;
  /** Values that an operator set; the rest has the charm's defaults. */
  readonly config?: Readonly<Record<string, ConfigValue>>;
  readonly relations?: readonly RelationState[];
  readonly secrets?: readonly SecretState[];
  /** What is attached: id → location, `{ "data/0": "/srv/data/0" }`. */
  readonly storage?: Readonly<Record<string, string>>;
  /** Name → path of the file that was uploaded. */
  readonly resources?: Readonly<Record<string, string>>;
  /** `blocked: integrate with a control plane`, `active`, `unknown`. */
  readonly status?: string;
  readonly appStatus?: string;
  readonly workloadVersion?: string;
  /** `6443/tcp`, sorted. */
  readonly openPorts?: readonly string[];
  readonly plannedUnits?: number;
  readonly addresses?: readonly string[];
  readonly stored?: Readonly<Record<string, Json>>;
  readonly deferred?: readonly Notice[];
  readonly model?: { readonly name: string; readonly uuid: string };
}

/** What an action came to. */
export interface ActionOutcome {
  readonly results: Readonly<Record<string, unknown>>;
  readonly log: readonly string[];
  /** Why it failed; undefined if it did not. */
  readonly failure: string | undefined;
}

/** How things stand after it: a state that can be given to the next dispatch, and what happened on the way. */
export interface Then extends Required<Omit<State, "relations">> {
  readonly relations: readonly Required<RelationState>[];
  readonly log: readonly { readonly level: LogLevel; readonly text: string }[];
  /** Every status that was set, in order, for those who look at progress. */
  readonly statusHistory: readonly string[];
  readonly action: ActionOutcome | undefined;
  /** Instances that the hook asked for; Juju attaches them later. */
  readonly storageRequests: readonly { readonly name: string; readonly count: number }[];
  readonly reboot: "after" | "now" | undefined;
  /** Other than 0 only if the charm ended the dispatch itself. */
  readonly exitCode: number;
}

/** A hook, and more where its name does not tell all. */
export interface HookGiven {
  readonly hook: string;
  /** The id of the relation; only needed where its endpoint has several. */
  readonly relation?: number;
  /** The remote unit; only needed where there are several. Departed: who is going, even if no longer listed. */
  readonly unit?: string;
  /** Default: the remote unit. The unit under test, if that is the one that goes. */
  readonly departingUnit?: string;
  readonly secret?: string;
  readonly revision?: number;
  /** The id of the instance; only needed where there are several. */
  readonly storage?: string;
}

/** An action that is dispatched, by its name in charmcraft.yaml. */
export interface ActionGiven {
  readonly action: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** What happens to the unit. */
export type EventGiven = string | HookGiven | ActionGiven;

export const isAction = (event: EventGiven): event is ActionGiven =>
  typeof event === "object" && "action" in event;
