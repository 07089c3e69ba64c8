import { Charm, type Framework, main } from "@cantrip/lib";

class MinimalCharm extends Charm {
  constructor(framework: Framework) {
    super(framework);
    framework.observe(this.on.configChanged, () => this.#greet());
  }

  async #greet(): Promise<void> {
    const config = await this.model.config();
    await this.model.unit.setStatus({ status: "active", message: String(config["greeting"]) });
  }
}

await main(MinimalCharm);
