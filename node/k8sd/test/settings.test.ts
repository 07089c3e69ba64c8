/** What a bootstrap configuration means, and what cannot be meant. */
import { expect, test } from "vitest";
import type { BootstrapConfig } from "@cantrip/metadata/k8sd";
import { mergeConfig } from "../src/cluster/config.ts";
import {
  checkAddress,
  checkNodeName,
  problemsOfBootstrap,
  resolveClusterConfig,
  resolveSettings,
} from "../src/cluster/settings.ts";

const external: BootstrapConfig = {
  "datastore-type": "external",
  "datastore-servers": ["https://db:2379"],
};

test.each<[BootstrapConfig, RegExp]>([
  [{ "pod-cidr": "10.1.0.1/16" }, /start at 10\.1\.0\.0\/16/],
  [{ "pod-cidr": "10.1.0.0/24" }, /too small/],
  [{ "pod-cidr": "10.1.0.0/16,fd01::/108" }, /dual-stack ranges are not supported yet/],
  [{ "pod-cidr": "10.152.0.0/16" }, /overlaps/],
  [{ "service-cidr": "10.3.0.0/30" }, /too small/],
  [{ "service-cidr": "$(reboot)" }, /expected an IPv4 CIDR/],
  [{ "datastore-type": "external" }, /external but no datastore servers were set/],
  [{ ...external, "datastore-servers": ["db:2379"] }, /"db:2379" is no URL/],
  [{ ...external, "datastore-servers": ["https://u:p@db:2379"] }, /is no URL/],
  [{ ...external, "datastore-ca-crt": "PEM" }, /datastore-ca-crt: expected a PEM certificate/],
  [{ ...external, "datastore-client-crt": "PEM" }, /go together/],
  [
    { ...external, "datastore-client-crt": "PEM", "datastore-client-key": "PEM" },
    /datastore-client-crt: expected a PEM/,
  ],
  [{ ...external, "etcd-port": 2379 }, /etcd-port needs datastore-type to be etcd/],
  [{ "datastore-servers": ["https://x:2379"] }, /needs datastore-type to be external/],
  [{ "containerd-base-dir": "/x" }, /only \/ is supported/],
  [{ "etcd-port": 6443 }, /must differ/],
  [{ "control-plane-taints": ["a=b:Never"] }, /key=value:effect/],
  [{ "extra-sans": ["*.example.com\nx"] }, /extra-sans/],
  [{ "extra-node-config-files": { "../../etc/passwd": "" } }, /no plain file name/],
  [{ "extra-node-kubelet-args": { "--x": "a\nb" } }, /without line breaks/],
  [{ "cluster-config": { dns: { "cluster-domain": "a_b" } } }, /no DNS name/],
  [{ "cluster-config": { dns: { enabled: true, "service-ip": "10.9.9.9" } } }, /not in the service range/],
  [{ "cluster-config": { dns: { "service-ip": "x" } } }, /must be a valid IP address/],
  [{ "cluster-config": { dns: { "upstream-nameservers": ["1.1.1.1 {"] } } }, /upstream-nameservers/],
])("%j is refused", (config, reason) => expect(problemsOfBootstrap(config).join("\n")).toMatch(reason));

test("an empty value of a certificate counts as unset, and a foreign client's features as asked for", () => {
  expect(problemsOfBootstrap({ "ca-crt": "", "cluster-config": { gateway: { enabled: true } } })).toEqual([]);
});

test("defaults follow from the service range", () => {
  const settings = resolveSettings({
    "service-cidr": "10.99.0.0/20",
    "cluster-config": { network: { enabled: true } },
  });
  expect(settings).toMatchObject({
    clusterDns: "10.99.0.10",
    podCidr: "10.1.0.0/16",
    securePort: 6443,
    networkEnabled: true,
    kubeProxyEnabled: true,
  });
});

test("kube-proxy runs where the network needs it, and where nothing else is asked for", () => {
  const proxy = (network: object) => resolveSettings({ "cluster-config": { network } }).kubeProxyEnabled;
  expect([
    proxy({}),
    proxy({ enabled: true, "kube-proxy-enabled": false }),
    proxy({ enabled: false, "kube-proxy-enabled": false }),
  ]).toEqual([true, true, false]);
});

test("what is not written in a configuration file is off", () => {
  const config = resolveClusterConfig({}, resolveSettings({}));
  const off = [config.network, config.dns, config.ingress, config.gateway, config["metrics-server"]].map(
    (section) => section?.enabled,
  );
  expect(off).toEqual([false, false, false, false, false]);
});

test("a change keeps what it does not name, and a dash deletes an annotation", () => {
  const current = {
    dns: { enabled: true, "upstream-nameservers": ["1.1.1.1"] },
    annotations: { a: "1", b: "2" },
  };
  const merged = mergeConfig(current, { dns: { enabled: false }, annotations: { a: "-", c: "3" } });
  expect(merged).toEqual({
    dns: { enabled: false, "upstream-nameservers": ["1.1.1.1"] },
    annotations: { b: "2", c: "3" },
  });
});

test.each(["n1", "juju-1a2b-0", "a.b-c", "0"])("%j is a node name", (name) =>
  expect(checkNodeName(name)).toBe(name),
);
test.each(["", "N1", "a_b", "-a", "a-", "a..b", "a.", "x".repeat(64), "a/b", "a\nb", "café"])(
  "%j is no node name",
  (name) => {
    expect(() => checkNodeName(name)).toThrow(/invalid hostname/);
  },
);

test("an address is an IPv4 address, alone or with the daemon's port", () => {
  expect([checkAddress("10.0.0.1"), checkAddress("10.0.0.1:6400")]).toEqual(["10.0.0.1", "10.0.0.1"]);
  for (const wrong of ["", "x", "10.0.0.1:1", "10.0.0.256", "[::1]:6400", "10.0.0.1:6400:1"])
    expect(() => checkAddress(wrong)).toThrow(/invalid address/);
});
