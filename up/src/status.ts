/** What `up` reads of the model's status: its units as lines of the tree, and whether they have arrived. */
import type { UnitLine } from "./progress.ts";

interface Stated {
  readonly current: string;
  readonly message?: string;
  readonly since?: string;
}
export interface StatusDocument {
  readonly machines: Record<
    string,
    {
      readonly "juju-status": Stated;
      readonly "machine-status": Stated;
      readonly "instance-id"?: string;
      readonly "dns-name"?: string;
      readonly hostname?: string;
    }
  >;
  readonly applications: Record<
    string,
    {
      readonly "charm-name": string;
      readonly units?: Record<
        string,
        { readonly "workload-status": Stated; readonly "juju-status": Stated; readonly machine?: string }
      >;
    }
  >;
}

/** Charms whose units `up` waits for. */
const ours = new Set(["k8s", "k8s-worker"]);

export function unitLines(
  status: StatusDocument,
  seen: Map<string, { key: string; since: number }>,
  now: number,
): UnitLine[] {
  return Object.entries(status.applications)
    .filter(([, { "charm-name": charm }]) => ours.has(charm))
    .flatMap(([application, { units = {} }]) =>
      Object.entries(units).map(
        ([unit, { "workload-status": workload, "juju-status": agent, machine = "" }]) => {
          const instance = status.machines[machine]?.["machine-status"];
          const step = presentStep(workload, agent, instance);
          const key = `${workload.current} ${step}`;
          const known = seen.get(unit);
          const since = known?.key === key ? known.since : now;
          seen.set(unit, { key, since });
          return { unit, application, state: workload.current, step, since };
        },
      ),
    );
}

/** Applications of our charms that have units, under whatever names. */
export const ourApplications = ({ applications }: StatusDocument): string[] =>
  Object.keys(applications).filter(
    (name) =>
      ours.has(applications[name]?.["charm-name"] ?? "") &&
      Object.keys(applications[name]?.units ?? {}).length > 0,
  );

function presentStep(workload: Stated, agent: Stated, instance: Stated | undefined): string {
  if (agent.current === "allocating" && instance && instance.current !== "running")
    return instance.message ? `machine: ${instance.message}` : `machine ${instance.current}`;
  const hook =
    agent.current === "executing" && workload.current !== "active" ? ` (${agent.message ?? ""})` : "";
  return `${workload.message ?? ""}${hook}`.trim();
}

/** A unit has arrived when its charm says active: that is its node, Ready at its version. */
export const arrived = (lines: readonly UnitLine[]): boolean =>
  lines.length > 0 && lines.every(({ state }) => state === "active");

/** Units that will not get further by themselves, for longer than the time given. */
export const stuck = (lines: readonly UnitLine[], now: number, patienceMs: number): UnitLine[] =>
  lines.filter(({ state, since }) => (state === "blocked" || state === "error") && now - since > patienceMs);
