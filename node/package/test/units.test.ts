/** What every unit of the node package has to say, read from the files themselves. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const folder = fileURLToPath(new URL("../../units", import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith(".service"));

/** Settings by section, as systemd reads them: the last one counts, but for lists, which are joined. */
function sectionsOf(name: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let present = new Map<string, string>();
  for (const line of readFileSync(path.join(folder, name), "utf8").split("\n")) {
    const section = /^\[(\w+)\]$/.exec(line)?.[1];
    const [, key, value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (section) sections.set(section, (present = new Map<string, string>()));
    else if (key) present.set(key, [present.get(key), value].filter((one) => one !== undefined).join(" "));
  }
  return sections;
}

test("there is a unit for the daemon and one for each service", () =>
  expect(names.map((name) => name.slice("snap.k8s.".length, -".service".length)).sort()).toEqual([
    "containerd",
    "etcd",
    "k8s-apiserver-proxy",
    "k8sd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
  ]));

/** All units but those whose services need what is taken away. */
const units = (...exceptions: string[]) =>
  names.filter((name) => !exceptions.includes(name.slice("snap.k8s.".length, -".service".length)));
const serviceOf = (name: string) => sectionsOf(name).get("Service")!;

test.each(units())(
  "%s is started again for ever: systemd gives up after five starts in ten seconds otherwise",
  (name) => {
    expect(serviceOf(name).get("Restart")).toBe("always");
    expect(sectionsOf(name).get("Unit")!.get("StartLimitIntervalSec")).toBe("0");
  },
);

// Containerd and the kubelet run containers: what would keep them from something keeps every pod from it.
test.each(units("containerd", "kubelet"))("%s gains no rights, and no foreign code", (name) =>
  expect(Object.fromEntries(serviceOf(name))).toMatchObject({
    UMask: "0077",
    NoNewPrivileges: "yes",
    LockPersonality: "yes",
    RestrictRealtime: "yes",
    RestrictSUIDSGID: "yes",
    SystemCallArchitectures: "native",
    RestrictAddressFamilies: "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  }),
);

// The daemon unmounts pods' volumes, too.
test.each(units("containerd", "kubelet", "k8sd"))(
  "%s sees no homes and changes no file but its own",
  (name) => {
    expect(serviceOf(name).get("CapabilityBoundingSet")).toBeDefined();
    expect(Object.fromEntries(serviceOf(name))).toMatchObject({
      ProtectSystem: "strict",
      ProtectHome: "yes",
      PrivateTmp: "yes",
      PrivateDevices: "yes",
      ProtectControlGroups: "yes",
      ProtectClock: "yes",
      RestrictNamespaces: "yes",
      MemoryDenyWriteExecute: "yes",
    });
  },
);

test("the service proxy may set rules and the network's parameters, and load what its mode needs", () => {
  const service = serviceOf("snap.k8s.kube-proxy.service");
  expect(service.get("CapabilityBoundingSet")!.split(" ")).toEqual(
    expect.arrayContaining(["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_MODULE"]),
  );
  expect(service.has("ProtectKernelTunables")).toBe(false);
  expect(service.has("ProtectKernelModules")).toBe(false);
  expect(service.get("ReadWritePaths")).toContain("/run");
});
