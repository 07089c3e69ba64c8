import { Charm, EndDispatch, type Framework, main } from "@cantrip/lib";

class WildCharm extends Charm {
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
    framework.observe(this.on.action("break"), () => Promise.reject(new TypeError("no such thing")));
  }
}

await main(WildCharm);
