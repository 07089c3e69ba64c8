/**
 * Selectors of `status`: applications, units (`web/*`), machines, or words of a workload's status. What is selected brings
 * along what it stands on: a unit its application and machine.
 */
import type { ApplicationStatus, FullStatus, UnitStatus } from "./wire.ts";

export function selected(full: FullStatus, patterns: readonly string[]): FullStatus {
  if (patterns.length === 0) return full;
  const matchers = patterns.map(matcherOf);
  const matches = (text: string): boolean => matchers.some((isMatch) => isMatch(text));
  const keep = keepOf(full, matches);
  const applications = Object.entries(full.applications)
    .filter(([name]) => keep.applications.has(name))
    .map(([name, application]) => [name, onlyUnits(application, keep.units)] as const);
  return {
    ...full,
    applications: Object.fromEntries(applications),
    machines: Object.fromEntries(Object.entries(full.machines).filter(([id]) => keep.machines.has(id))),
    relations: full.relations.filter(({ endpoints }) =>
      endpoints.some(({ application }) => keep.applications.has(application)),
    ),
  };
}

/** `*` and `?` are wild, all else is itself. */
function matcherOf(pattern: string): (text: string) => boolean {
  const source = Array.from(pattern.slice(0, 256))
    .map((char) => (char === "*" ? ".*" : char === "?" ? "." : char.replace(/[\\^$.|+()[\]{}]/, "\\$&")))
    .join("");
  const whole = new RegExp(`^${source.replace(/(\.\*)+/g, ".*")}$`);
  return (text) => whole.test(text);
}

interface Kept {
  readonly applications: Set<string>;
  readonly units: Set<string>;
  readonly machines: Set<string>;
}

function keepOf(full: FullStatus, matches: (text: string) => boolean): Kept {
  const named = new Set(Object.keys(full.machines).filter(matches));
  const keep: Kept = { applications: new Set(), units: new Set(), machines: new Set(named) };
  for (const [name, application] of Object.entries(full.applications)) {
    const whole = matches(name) || (matches(application.status.status) && application.units === null);
    if (whole) keep.applications.add(name);
    for (const [unit, status] of Object.entries(application.units ?? {}))
      keepUnit({ keep, matches, application: name, unit, status, whole: whole || named.has(status.machine) });
  }
  return keep;
}

function keepUnit({
  keep,
  matches,
  application,
  unit,
  status,
  whole,
}: {
  keep: Kept;
  matches: (text: string) => boolean;
  application: string;
  unit: string;
  status: UnitStatus;
  whole: boolean;
}): void {
  const subordinates = Object.entries(status.subordinates).filter(
    ([name, sub]) => matches(name) || matches(applicationOf(name)) || matches(sub["workload-status"].status),
  );
  const isKept = whole || matches(unit) || matches(status["workload-status"].status);
  if (!isKept && subordinates.length === 0) return;
  keep.applications.add(application);
  keep.units.add(unit);
  keep.machines.add(status.machine);
  const kept = isKept ? Object.keys(status.subordinates) : subordinates.map(([name]) => name);
  for (const name of kept) {
    keep.units.add(name);
    keep.applications.add(applicationOf(name));
  }
}

const applicationOf = (unit: string): string => unit.slice(0, unit.indexOf("/"));

function onlyUnits(application: ApplicationStatus, units: Set<string>): ApplicationStatus {
  if (application.units === null) return application;
  const kept = Object.entries(application.units).filter(([name]) => units.has(name));
  return {
    ...application,
    units: Object.fromEntries(
      kept.map(([name, unit]) => [
        name,
        {
          ...unit,
          subordinates: Object.fromEntries(Object.entries(unit.subordinates).filter(([n]) => units.has(n))),
        },
      ]),
    ),
  };
}
