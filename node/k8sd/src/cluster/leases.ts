/**
 * Leader leases that a dead process of this node still holds, as after a power cut: with one control plane nobody would
 * lead until they expire, half a minute in which no pod is placed and no node gets its range.
 */
import { messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";
import { run } from "../base/run.ts";
import { until } from "../base/until.ts";
import type { KubeClient, KubeObject } from "../kube/client.ts";
import { unitOf, type Service } from "../node/services.ts";

const LEADERS: readonly Service[] = ["kube-controller-manager", "kube-scheduler"];

interface Lease extends KubeObject {
  readonly spec: { readonly holderIdentity?: string; readonly renewTime?: string };
}

export async function releaseStaleLeases(kube: KubeClient, name: string, signal: AbortSignal): Promise<void> {
  try {
    await until("the API server is ready", () => kube.isReady(), {
      timeoutMs: 120_000,
      intervalMs: 100,
      signal,
    });
    await Promise.all(LEADERS.map((service) => releaseIfStale(kube, name, service)));
  } catch (error) {
    if (!signal.aborted) log.info(`leases of a former life are left to expire: ${messageOf(error)}`);
  }
}

/** When systemd started the present process of a service, in milliseconds; undefined if it does not say. */
async function startedAt(service: Service): Promise<number | undefined> {
  const text = await run([
    "systemctl",
    "show",
    "--timestamp=unix",
    "--property=ExecMainStartTimestamp",
    unitOf(service),
  ]);
  const seconds = /=@(\d+)/.exec(text)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** Only a holder on this node, last heard of before its service's present process began, is certainly dead. */
export const isStale = ({ spec }: Lease, name: string, processStart: number): boolean =>
  (spec.holderIdentity ?? "").startsWith(`${name}_`) && Date.parse(spec.renewTime ?? "") < processStart;

async function releaseIfStale(kube: KubeClient, name: string, service: Service) {
  const path = `/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${service}`;
  const [lease, processStart] = await Promise.all([kube.find<Lease>(path), startedAt(service)]);
  if (!lease || processStart === undefined || !isStale(lease, name, processStart)) return;
  // The version makes this fail if anyone has written the lease since.
  const { resourceVersion } = lease.metadata;
  await kube.mergePatch(path, { metadata: { resourceVersion }, spec: { holderIdentity: "" } });
  log.info(`${service}: took back the lease of its former process`);
}
