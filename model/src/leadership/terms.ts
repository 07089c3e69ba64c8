/**
 * Leases of leadership. Who leads is in the state and changes by events; until when is in this table, which is given and
 * given back, never saved: a controller that starts again grants full terms. Signs of life of a leader's agent renew its
 * term. When a term ends, or the leader is gone, the oldest living unit whose agent is there leads.
 *
 * Times are monotonic milliseconds of one run of the controller.
 */
import type { Request } from "../commands.ts";
import { isLeading, unitsOf, unitsOnMachine } from "../entities.ts";
import { own } from "../records.ts";
import type { Source } from "../record.ts";
import type { ModelState, Unit } from "../state.ts";

export const termMs = 60_000;
/** What `is-leader: true` promises: for so long no other unit leads, unless this one is removed. */
export const promisedMs = 30_000;

export interface Term {
  readonly unit: string;
  readonly end: number;
}
/** by application */
export type Terms = ReadonlyMap<string, Term>;

export interface LeadershipChange {
  readonly request: Request & { readonly type: "elect-leader" | "depose-leader" };
  readonly source: Source;
}

/** When a controller starts: it does not know what its predecessor has promised, so every leader has a full term. */
export function beginTerms(state: ModelState, now: number): Terms {
  const leaders = Object.values(state.applications).flatMap(({ name, leader }): [string, Term][] =>
    leader === undefined ? [] : [[name, fullTerm(leader, now)]],
  );
  return new Map(leaders);
}

/** A sign of life from a machine: leaders on it keep their office. A unit that is dying does not extend its term. */
export function renewTerms(state: ModelState, terms: Terms, machine: string, now: number): Terms {
  return unitsOnMachine(state, machine).reduce((all, unit) => renewed(state, all, unit, now), terms);
}

/** The answer to `is-leader`, to be asked for when what was due has been carried out. */
export function claimLeadership(
  state: ModelState,
  terms: Terms,
  unitName: string,
  now: number,
): { readonly terms: Terms; readonly isLeader: boolean } {
  const unit = own(state.units, unitName);
  if (!unit || !isLeading(state, unit)) return { terms, isLeader: false };
  const kept = renewed(state, terms, unit, now);
  return { terms: kept, isLeader: termOf(kept, unit, now).end - now >= promisedMs };
}

/**
 * Brings the term of one application in line with its leader, and says what is to be carried out. After that it is to be
 * asked again, until nothing is due: an office that has been left is filled, and the new leader's term begins.
 * @param hasAgent whether the unit's agent has been heard of lately
 */
export function settleLeadership(
  state: ModelState,
  terms: Terms,
  application: string,
  { now, hasAgent }: { readonly now: number; readonly hasAgent: (unit: string) => boolean },
): { readonly terms: Terms; readonly change?: LeadershipChange } {
  const leader = own(state.applications, application)?.leader;
  if (leader === undefined) {
    const change = election(state, application, hasAgent);
    return { terms: without(terms, application), ...(change ? { change } : {}) };
  }
  const known = terms.get(application);
  const term = known?.unit === leader ? known : fullTerm(leader, now);
  const kept = term === known ? terms : new Map(terms).set(application, term);
  if (isThere(state, leader) && term.end > now) return { terms: kept };
  const request = { type: "depose-leader", application, unit: leader } as const;
  return { terms: kept, change: { request, source: { by: "clock" } } };
}

/** When the next term ends; undefined while nobody leads. An empty office waits for an agent, not for a date. */
export function nextTermEnd(state: ModelState, terms: Terms): number | undefined {
  const ends = [...terms].flatMap(([application, { unit, end }]) =>
    own(state.applications, application)?.leader === unit ? [end] : [],
  );
  return ends.length === 0 ? undefined : ends.reduce((first, end) => Math.min(first, end));
}

const fullTerm = (unit: string, now: number): Term => ({ unit, end: now + termMs });

/** A leader that has not been looked at yet has just been elected. */
function termOf(terms: Terms, { application, name }: Unit, now: number): Term {
  const term = terms.get(application);
  return term?.unit === name ? term : fullTerm(name, now);
}

/** A term that is over stays so, even if nobody has looked yet: its end may be under way. */
function renewed(state: ModelState, terms: Terms, unit: Unit, now: number): Terms {
  const mayStay = unit.life === "alive" && isLeading(state, unit) && termOf(terms, unit, now).end > now;
  return mayStay ? new Map(terms).set(unit.application, fullTerm(unit.name, now)) : terms;
}

function without(terms: Terms, application: string): Terms {
  if (!terms.has(application)) return terms;
  return new Map([...terms].filter(([name]) => name !== application));
}

const isThere = (state: ModelState, leader: string): boolean => {
  const unit = own(state.units, leader);
  return unit !== undefined && unit.life !== "dead";
};

function election(
  state: ModelState,
  application: string,
  hasAgent: (unit: string) => boolean,
): LeadershipChange | undefined {
  const oldest = unitsOf(state, application).find(({ life, name }) => life === "alive" && hasAgent(name));
  if (!oldest) return undefined;
  return { request: { type: "elect-leader", application, unit: oldest.name }, source: { by: "agent" } };
}
