import { Charm, type Framework, type HookEvent, main } from "@cantrip/lib";

/** So much that writing it takes a while: a few MiB. */
const filler = "x".repeat(4 * 1024 * 1024);

class MortalCharm extends Charm {
  constructor(framework: Framework) {
    super(framework);
    const work = (event: HookEvent) => this.#work(event);
    for (const event of [this.on.configChanged, this.on.start, this.on.updateStatus])
      framework.observe(event, work, { as: "work" });
  }

  async #work(event: HookEvent): Promise<void> {
    this.stored.set("seen", [...this.stored.setDefault<string[]>("seen", []), event.name]);
    this.stored.set("filler", filler + event.name);
    const isNew = this.framework.context.name === event.name;
    if (isNew) event.defer();
    await this.model.unit.openPort(isNew ? "443/tcp" : "80/tcp");
  }
}

await main(MortalCharm);
