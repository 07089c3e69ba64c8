/** Charms of two frameworks under our agent: our own, and Python's ops, which we did not write. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packCharm } from "./support/charm.ts";
import { Harness, type TestModel } from "./support/harness.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..", "..");
const base = { name: "ubuntu", channel: "24.04" };
let harness: Harness;
let model: TestModel;

beforeAll(async () => {
  harness = await Harness.open({ name: "frame", number: 35 });
  model = harness.model("frameworks");
  await model.create();
}, 120_000);
afterAll(() => harness?.close());

async function runAction(unit: string, action: string, parameters: Record<string, unknown> = {}) {
  await model.execute({ type: "enqueue-action", requests: [{ receiver: unit, action, parameters }] });
  const id = String((await model.state()).counters.task);
  return (await model.waitFor(`${action} ends`, (s) => s.tasks[id]?.completedAt !== undefined)).tasks[id];
}

test("a charm of our framework runs, is configured and acts", async () => {
  const path = join(harness.directory, "greeter.charm");
  const source = join(root, "lib", "test", "charms", "greeter");
  await run(process.execPath, [
    join(root, "lib", "src", "pack", "main.ts"),
    source,
    "--runtime",
    "host",
    "-o",
    path,
  ]);
  const charmUrl = await model.addCharm(path);
  await model.execute({ type: "deploy", application: "greeter", charmUrl, units: 1, base });
  const blocked = await model.waitIdle("greeter/0");
  expect(blocked.units["greeter/0"]?.workloadStatus.status).toBe("blocked");
  await model.execute({
    type: "set-config",
    application: "greeter",
    settings: { greeting: "hello" },
    reset: [],
  });
  await model.waitFor("the option is seen", (s) => s.units["greeter/0"]?.workloadStatus.status !== "blocked");
  expect(await runAction("greeter/0", "greet", { name: "you" })).toMatchObject({
    status: "completed",
    results: { said: "hello you" },
  });
});

const pythonCharm = `#!/usr/bin/env python3
import ops

class Snake(ops.CharmBase):
    _stored = ops.StoredState()

    def __init__(self, framework):
        super().__init__(framework)
        self._stored.set_default(count=0)
        framework.observe(self.on.install, self._on_install)
        framework.observe(self.on.config_changed, self._converge)
        framework.observe(self.on.start, self._converge)
        framework.observe(self.on.peers_relation_joined, self._on_joined)
        framework.observe(self.on.hiss_action, self._on_hiss)

    def _on_install(self, event):
        self.unit.set_workload_version(ops.__version__)
        if self.unit.is_leader():
            self.app.add_secret({"venom": "very-secret"}, label="venom")

    def _converge(self, event):
        self._stored.count += 1
        peers = self.model.get_relation("peers")
        if peers and self.unit.is_leader():
            peers.data[self.app]["motto"] = str(self.config["motto"])
        self.unit.open_port("tcp", 8080)
        address = str(self.model.get_binding("peers").network.bind_address)
        self.unit.status = ops.ActiveStatus(f"{self.config['motto']} at {address}")

    def _on_joined(self, event):
        event.relation.data[self.unit]["met"] = event.unit.name

    def _on_hiss(self, event):
        secret = self.model.get_secret(label="venom").get_content(refresh=True)
        event.log("hissing")
        event.set_results({"said": "s" * event.params["length"], "venom": secret["venom"], "count": self._stored.count})

if __name__ == "__main__":
    ops.main(Snake)
`;

test("a charm of Python's ops runs, keeps state, uses relations, secrets, ports and actions", async ({
  skip,
}) => {
  const vendored = join(harness.directory, "ops");
  const pip = await run("python3", ["-m", "pip", "install", "--quiet", "--target", vendored, "ops"]).catch(
    (error: Error) => error,
  );
  skip(pip instanceof Error, "ops cannot be installed here");
  const charmUrl = await model.addCharm(
    await packCharm(harness.directory, {
      name: "snake",
      metadata: "peers:\n  peers: {interface: snake-peers}\n",
      config: "options:\n  motto: {type: string, default: quietly, description: a word}\n",
      actions: "hiss:\n  description: hisses\n  params:\n    length: {type: integer, default: 3}\n",
      dispatch: "PYTHONPATH=lib exec python3 src/charm.py\n",
      files: { "src/charm.py": pythonCharm, ...pythonFiles(vendored) },
    }),
  );
  await model.execute({ type: "deploy", application: "snake", charmUrl, units: 2, base });
  const state = await model.waitIdle("snake/0", "snake/1");
  expect(state.units["snake/0"]?.workloadStatus.message).toMatch(/^quietly at 10\.79\./);
  expect(state.units["snake/0"]?.openPorts).toMatchObject([{ from: 8080, protocol: "tcp" }]);
  const met = await model.waitFor("they have met", (s) =>
    JSON.stringify(s.relations).includes('"met":"snake/1"'),
  );
  expect(JSON.stringify(met.relations)).toContain('"motto":"quietly"');
  await model.execute({ type: "set-config", application: "snake", settings: { motto: "loudly" }, reset: [] });
  await model.waitFor("the option is seen", (s) =>
    s.units["snake/1"]?.workloadStatus.message.startsWith("loudly"),
  );
  const leader = (await model.state()).applications["snake"]?.leader ?? "";
  const task = await runAction(leader, "hiss", { length: 5 });
  expect(task).toMatchObject({ status: "completed", results: { said: "sssss", venom: "very-secret" } });
  expect(Number(task?.results["count"])).toBeGreaterThanOrEqual(3);
  await model.execute({ type: "remove-application", application: "snake" });
  await model.waitFor("it is gone", (s) => !s.applications["snake"]);
}, 240_000);

/** Python sources of what was installed, below lib/. */
function pythonFiles(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(py|typed)$|METADATA$|entry_points\.txt$/.test(name),
  );
  return Object.fromEntries(
    names.map((name) => [`lib/${name}`, readFileSync(join(directory, name), "utf8")]),
  );
}
