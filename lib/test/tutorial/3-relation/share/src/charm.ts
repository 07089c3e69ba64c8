import { Charm, type Framework, type Outcome, type Track, done, reconcile } from "@cantrip/lib";
import { type Machine, thisMachine } from "../../machine/machine.ts";
import { ShareProvider } from "../../rsync-share/index.ts";
import type { Declared } from "./generated/charm-types.ts";
import { parseOptions } from "./options.ts";
import { directoryOf, rsyncdConf } from "./rsyncd.ts";

const port = 873;

const tracks: readonly Track<ShareCharm>[] = [
  { name: "daemon", steps: [{ name: "serve", run: (charm) => charm.serve() }] },
  {
    name: "clients",
    steps: [
      { name: "offer shares", run: (charm) => charm.offer() },
      { name: "understand everybody", run: (charm) => charm.clients.understood() },
    ],
  },
];

export class ShareCharm extends Charm<Declared> {
  readonly clients = new ShareProvider(this, "clients");
  readonly #machine: Machine;

  constructor(framework: Framework, machine: Machine = thisMachine) {
    super(framework);
    this.#machine = machine;
    const converge = () => this.#converge();
    framework.observe(this.on.install, converge);
    framework.observe(this.on.configChanged, converge);
    framework.observe(this.on.upgradeCharm, converge);
    framework.observe(this.clients.on.created, converge);
    framework.observe(this.clients.on.changed, converge);
    framework.observe(this.clients.on.broken, converge);
  }

  async serve(): Promise<Outcome> {
    const options = await this.loadConfig(parseOptions, { invalid: "blocked" });
    const requests = await this.clients.requests();
    for (const module of ["public", ...requests.map(({ client }) => client)])
      await this.#machine.makeDirectory(directoryOf(module));
    await this.#machine.write("/etc/rsyncd.conf", rsyncdConf(options, requests));
    await this.#machine.enable("rsync");
    await this.model.unit.setPorts(`${port}/tcp`);
    return done;
  }

  async offer(): Promise<Outcome> {
    for (const request of await this.clients.requests()) {
      const { ingressAddress: address = "" } = await this.model.binding(request.relation);
      await this.clients.offer(request, { address, port, module: request.client });
    }
    return done;
  }

  async #converge(): Promise<void> {
    const { status } = await reconcile(tracks, this);
    await this.model.unit.setStatus(status);
  }
}
