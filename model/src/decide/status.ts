/** What a hook does at once, and what stays even if it fails. */
import type { Deciders, Draft } from "../draft.ts";
import { findApplication, findSecret, findUnit, isLeading } from "../entities.ts";
import { ModelError } from "../errors.ts";
import { isSame } from "../records.ts";
import type { WorkloadStatus } from "../state.ts";
import { trackSecret } from "./secret-changes.ts";

type StatusCommands = Pick<
  Deciders,
  "set-status" | "set-application-status" | "set-workload-version" | "track-secret" | "wake-unit"
>;

const settable: readonly string[] = ["maintenance", "blocked", "waiting", "active"];

export const statusCommands: StatusCommands = {
  "set-status": (draft, { unit: name, status, message, data, now }) => {
    refuseUnsettable(status);
    const { workloadStatus, uniter } = findUnit(draft.state, name);
    const next = { status, message, ...(data === undefined ? {} : { data }), since: now };
    if (uniter.statusSet && isSame({ ...workloadStatus, since: now }, next)) return;
    draft.emit({ type: "unit-status-set", unit: name, status: next, byCharm: true });
  },
  "set-application-status": (draft, { unit: name, status, message, data, now }) => {
    refuseUnsettable(status);
    const unit = findUnit(draft.state, name);
    if (!isLeading(draft.state, unit))
      throw new ModelError("unauthorized access", "setting application status: this unit is not the leader");
    const next = { status, message, ...(data === undefined ? {} : { data }), since: now };
    const known = findApplication(draft.state, unit.application).status;
    if (known && isSame({ ...known, since: now }, next)) return;
    draft.emit({ type: "application-status-set", application: unit.application, unit: name, status: next });
  },
  "set-workload-version": (draft, { unit: name, version }) => {
    const unit = findUnit(draft.state, name);
    const isKnown =
      unit.workloadVersion === version &&
      findApplication(draft.state, unit.application).workloadVersion === version;
    if (!isKnown) draft.emit({ type: "workload-version-set", unit: name, version });
  },
  "track-secret": (draft, { unit, secretId, revision, label }) => {
    findUnit(draft.state, unit);
    findSecret(draft.state, secretId);
    trackSecret(draft, unit, secretId, revision, label);
  },
  "wake-unit": wake,
};

function refuseUnsettable(status: WorkloadStatus): void {
  if (settable.includes(status)) return;
  throw new ModelError("bad request", `invalid status "${status}", expected one of [${settable.join(" ")}]`);
}

function wake(draft: Draft, { unit: name }: { unit: string }): void {
  const { uniter } = findUnit(draft.state, name);
  if (!uniter.woken) draft.emit({ type: "unit-woken", unit: name });
}
