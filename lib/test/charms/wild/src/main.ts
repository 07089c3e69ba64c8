import { Charm, EndDispatch, EventSource, type Framework, main } from "@cantrip/lib";

class WildCharm extends Charm {
  readonly later = new EventSource<string>("later");

  constructor(framework: Framework) {
    super(framework);
    framework.observe(this.on.install, () => {
      this.stored.set("seen", true);
      throw new Error("boom", { cause: new Error("the fuse") });
    });
    framework.observe(this.on.start, async () => {
      void Promise.reject(new Error("nobody awaits this"));
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });
    framework.observe(this.on.configChanged, () => {
      this.stored.set("seen", true);
      throw new EndDispatch(0);
    });
    framework.observe(this.on.updateStatus, () => {
      this.stored.set("seen", Number(this.stored.get("seen") ?? 0) + 1);
      // A timer that is left behind must not keep the hook from ending.
      setTimeout(() => undefined, 60_000);
    });
    framework.observe(this.on.leaderElected, () => {
      for (const level of ["debug", "warning"] as const) this.log[level](`${level} ${"ü".repeat(100_000)}`);
    });
    framework.observe(this.on.stop, () =>
      this.model.unit.setStatus({ status: "active", message: "x".repeat(200_000) }),
    );
    framework.observe(this.on.upgradeCharm, () => void this.#workOn());
    framework.observe(this.later, async (version) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      await this.model.unit.setWorkloadVersion(version);
    });
    framework.observe(this.on.leaderSettingsChanged, () => {
      void this.model.unit.openPort("one");
      void this.model.unit.openPort("two");
    });
    framework.observe(this.on.remove, () => new Promise(() => undefined));
    framework.observe(this.on.action("leave"), () => {
      void Promise.reject(new EndDispatch(3));
      void this.model.unit.setStatus({ status: "active", message: "left" });
    });
    framework.observe(this.on.action("circle"), () => {
      const odd = new AggregateError([{ code: 7 }, Object.create(null)], "the real reason");
      odd.errors.push(odd);
      odd.cause = new Error("the fuse", { cause: odd });
      throw odd;
    });
    framework.observe(this.on.action("break"), () => Promise.reject(new TypeError("no such thing")));
  }

  async #workOn(): Promise<void> {
    const secret = await this.model.addSecret({ token: "abc" }, { owner: "unit" });
    await secret.setInfo({ description: "for later" });
    await this.framework.emit(this.later, "2");
    this.stored.set("version", "2");
  }
}

await main(WildCharm);
