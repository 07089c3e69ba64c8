/** The project files of the charms whose place ours take: facts that we did not choose. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { charmTypesOf, parseCharmProject, textOfYaml } from "@cantrip/metadata";

const projectOf = (name: string) =>
  parseCharmProject(
    textOfYaml("charmcraft.yaml", readFileSync(join(import.meta.dirname, "fixtures", `${name}.yaml`))),
  );

test("the control plane's file is read whole", () => {
  const { metadata, config, actions } = projectOf("k8s");
  const byRole = (role: string) => metadata.endpoints.filter((endpoint) => endpoint.role === role).length;
  expect([byRole("peer"), byRole("provider"), byRole("requirer")]).toEqual([3, 6, 6]);
  expect(metadata.endpoints.filter(({ limit }) => limit !== undefined).map(({ name }) => name)).toEqual([
    "etcd",
  ]);
  expect(config.options.find(({ name }) => name === "load-balancer-bgp-peer-port")).toMatchObject({
    type: "int",
    default: 179,
  });
  expect(config.options.find(({ name }) => name === "containerd-custom-registries")?.default).toBe("[]");
  expect(config.options).toHaveLength(37);
  expect(actions.actions.map(({ name }) => name)).toEqual(["get-kubeconfig", "pre-upgrade-check"]);
});

test("the worker's file is read whole", () => {
  const { metadata, config } = projectOf("k8s-worker");
  expect(metadata.endpoints).toHaveLength(8);
  expect(metadata.endpoints.filter(({ limit }) => limit === 1)).toHaveLength(5);
  expect(config.options.map(({ type }) => type)).toEqual(["string", "string", "string", "string"]);
  expect(metadata.resources).toMatchObject([{ name: "snap-installation", type: "file" }]);
});

test.each(["k8s", "k8s-worker"])("types of the real %s come out", (name) => {
  const types = charmTypesOf(projectOf(name));
  expect(types).toContain('readonly "kubelet-extra-args": string;');
  expect(types).toContain('readonly "snap-installation": "file";');
});
