import { Charm, type Framework } from "@cantrip/lib";
import { type Machine, thisMachine } from "../../machine/machine.ts";
import type { Declared } from "./generated/charm-types.ts";
import { parseOptions } from "./options.ts";
import { rsyncdConf } from "./rsyncd.ts";

export class ShareCharm extends Charm<Declared> {
  readonly #machine: Machine;

  constructor(framework: Framework, machine: Machine = thisMachine) {
    super(framework);
    this.#machine = machine;
    const converge = () => this.#converge();
    framework.observe(this.on.install, converge);
    framework.observe(this.on.configChanged, converge);
    framework.observe(this.on.upgradeCharm, converge);
  }

  async #converge(): Promise<void> {
    const options = await this.loadConfig(parseOptions, { invalid: "blocked" });
    await this.#machine.makeDirectory("/srv/share/public");
    await this.#machine.write("/etc/rsyncd.conf", rsyncdConf(options));
    await this.#machine.enable("rsync");
    await this.model.unit.setPorts("873/tcp");
    await this.model.unit.setStatus({ status: "active", message: "" });
  }
}
