/** How long after the API shows a node not Ready, and Ready again, its unit's status shows the same. */
import { spawn } from "node:child_process";

export interface LagOptions {
  /** runs the `cantrip` command and returns what it printed */
  readonly cantrip: (...argv: string[]) => Promise<{ stdout: string }>;
  readonly kubectl: { readonly file: string; readonly kubeconfig: string };
  readonly unit: string;
  readonly node: string;
}

const boundMs = 120_000;

/** Seconds from the API to the status, the longer of going and coming. The status is asked about twice a second: that much is ours. */
export async function statusLag({ cantrip, kubectl, unit, node }: LagOptions): Promise<number> {
  const kubelet = (verb: string) =>
    cantrip("exec", "--unit", unit, "--", "systemctl", verb, "snap.k8s.kubelet");
  const shown = async (): Promise<boolean> => {
    const { applications } = JSON.parse((await cantrip("status", "--format", "json")).stdout) as {
      applications: Record<string, { units?: Record<string, { "workload-status": { current: string } }> }>;
    };
    return applications[unit.split("/")[0] ?? ""]?.units?.[unit]?.["workload-status"].current === "active";
  };
  const lags: number[] = [];
  for (const [verb, ready] of [
    ["stop", false],
    ["start", true],
  ] as const) {
    const inApi = watchReady(kubectl, node, ready);
    await kubelet(verb);
    const inStatus = (async () => {
      while ((await shown()) !== ready) await new Promise((resume) => setTimeout(resume, 100));
      return Date.now();
    })();
    const [api, status] = await Promise.all([inApi, inStatus]);
    lags.push(Math.max(0, status - api) / 1000);
  }
  return Math.max(...lags);
}

/** When the API's watch of the node shows its Ready condition as wanted. */
function watchReady(
  { file, kubeconfig }: LagOptions["kubectl"],
  node: string,
  ready: boolean,
): Promise<number> {
  return new Promise((done, fail) => {
    const path = '{.status.conditions[?(@.type=="Ready")].status}{"\\n"}';
    const child = spawn(
      file,
      ["--kubeconfig", kubeconfig, "get", "node", node, "--watch", "-o", `jsonpath=${path}`],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const late = setTimeout(
      () =>
        end(
          new Error(`the API did not show ${node} ${ready ? "Ready" : "not Ready"} in ${boundMs / 1000} s`),
        ),
      boundMs,
    );
    const end = (result: number | Error): void => {
      clearTimeout(late);
      child.kill();
      if (result instanceof Error) fail(result);
      else done(result);
    };
    // Counted from the change: what the watch tells first is how things stood before.
    let stoodOtherwise = false;
    child.stdout.on("data", (chunk: Buffer) => {
      for (const word of chunk
        .toString()
        .split("\n")
        .filter((line) => /^(True|False|Unknown)$/.test(line))) {
        if ((word === "True") !== ready) stoodOtherwise = true;
        else if (stoodOtherwise) end(Date.now());
      }
    });
    child.on("error", end);
  });
}
