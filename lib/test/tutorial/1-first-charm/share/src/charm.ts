import { Charm, type Framework } from "@cantrip/lib";
import { type Machine, thisMachine } from "../../machine/machine.ts";

export class ShareCharm extends Charm {
  readonly #machine: Machine;

  constructor(framework: Framework, machine: Machine = thisMachine) {
    super(framework);
    this.#machine = machine;
    framework.observe(this.on.install, () => this.#install());
  }

  async #install(): Promise<void> {
    await this.#machine.makeDirectory("/srv/share");
    await this.model.unit.setStatus({ status: "active", message: "" });
  }
}
