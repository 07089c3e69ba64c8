/** The model's state as one unit of it stands: the same shape as what is given. */
import { type Relation, type Secret, type Unit, portText, unitsOf } from "@cantrip/model";
import { type FullRelation, type FullSecret, type World, joinStatus } from "./given.ts";
import type { MemoryJuju } from "./memory-juju.ts";

/** What the charm keeps by itself is not Juju's to know. Undefined once the unit is gone. */
export function worldAt(
  juju: MemoryJuju,
  name: string,
  { stored, deferred }: Pick<World, "stored" | "deferred">,
): World | undefined {
  const { state } = juju;
  const unit = state.units[name];
  const application = unit && state.applications[unit.application];
  if (unit === undefined || application === undefined) return undefined;
  return {
    app: application.name,
    unitNumber: Number(name.slice(name.indexOf("/") + 1)),
    leader: application.leader === name,
    config: { ...application.settings },
    relations: Object.values(state.relations).flatMap((relation) => relationAt(relation, unit)),
    secrets: Object.values(state.secrets).flatMap((secret) => secretAt(juju, secret, unit)),
    storage: storageAt(juju, unit),
    resources: juju.resources.get(application.name) ?? {},
    status: joinStatus(unit.workloadStatus),
    appStatus: application.status === undefined ? "unknown" : joinStatus(application.status),
    workloadVersion: unit.workloadVersion,
    openPorts: unit.openPorts.map(portText).toSorted(),
    plannedUnits: unitsOf(state, application.name).filter(({ life }) => life === "alive").length,
    addresses: [...(state.machines[unit.machine]?.addresses ?? [])],
    model: { name: state.name, uuid: state.uuid },
    stored,
    deferred,
  };
}

/** Storage of which the unit was told. */
function storageAt({ state }: MemoryJuju, { uniter }: Unit): Record<string, string> {
  const known = (uniter.storage ?? []).flatMap((id) => {
    const location = state.storage?.instances[id]?.location;
    return location === undefined ? [] : [[id, location] as const];
  });
  return Object.fromEntries(known);
}

/** Relations that the unit has entered and not broken. */
function relationAt(relation: Relation, { name, application, uniter }: Unit): FullRelation[] {
  const known = uniter.relations[relation.id];
  const bag = relation.unitBags[name];
  const own = relation.endpoints.find((endpoint) => endpoint.application === application);
  if (own === undefined || known === undefined || bag === undefined || bag.left || known.broken) return [];
  const far = relation.endpoints.find((endpoint) => endpoint.application !== application) ?? own;
  const bagOf = (app: string) => ({ ...relation.applicationBags[app]?.values });
  const members = Object.keys(known.members);
  return [
    {
      endpoint: own.name,
      id: relation.id,
      app: far.application,
      units: Object.fromEntries(members.map((unit) => [unit, { ...relation.unitBags[unit]?.values }])),
      appData: bagOf(far.application),
      ownUnitData: { ...bag.values },
      ownAppData: bagOf(application),
      dying: relation.life !== "alive",
    },
  ];
}

/** Secrets that the unit or its application owns, and those of others that it reads. */
function secretAt(juju: MemoryJuju, secret: Secret, unit: Unit): FullSecret[] {
  const { id, description, rotate } = secret;
  const owner = ownerFor(secret, unit);
  const consumer = secret.consumers[unit.name];
  if (owner === undefined || (owner === "remote" && consumer === undefined)) return [];
  const revision = owner === "remote" ? (consumer?.tracked ?? secret.latest) : secret.latest;
  const label = owner === "remote" ? consumer?.label : secret.label;
  const contentOf = (number: number) => {
    const contentId = secret.revisions.find((each) => each.revision === number)?.contentId;
    return contentId === undefined ? {} : juju.content(contentId);
  };
  const newest = secret.revisions.at(-1);
  return [
    {
      id,
      owner,
      ...(label === undefined ? {} : { label }),
      ...(description === undefined ? {} : { description }),
      ...(rotate === undefined ? {} : { rotate }),
      ...(newest?.expiresAt === undefined ? {} : { expiresAt: newest.expiresAt }),
      content: contentOf(revision),
      revision,
      ...(owner === "remote" ? newsOf(secret, revision, contentOf) : ownersPart(secret)),
    },
  ];
}

function ownerFor({ owner }: Secret, unit: Unit): FullSecret["owner"] | undefined {
  if (owner.kind === "unit" && owner.name === unit.name) return "unit";
  return owner.kind === "application" && owner.name === unit.application ? "application" : "remote";
}

const newsOf = (
  { latest }: Secret,
  tracked: number,
  contentOf: (revision: number) => Record<string, string>,
): Partial<FullSecret> => (latest > tracked ? { latest: contentOf(latest) } : {});

function ownersPart({ revisions, latest, grants }: Secret): Partial<FullSecret> {
  const obsolete = revisions.map(({ revision }) => revision).filter((revision) => revision !== latest);
  return {
    ...(obsolete.length === 0 ? {} : { obsolete }),
    grants: grants.flatMap(({ subject, relation }) =>
      relation === undefined ? [] : [{ relation, ...(subject.includes("/") ? { unit: subject } : {}) }],
    ),
  };
}
