/** From the base image to a booted machine with an address, against what systemd in the machine says that its own boot took. */
import { rmSync } from "node:fs";
import { openMachines } from "@cantrip/machines";
import { median, type Benchmark } from "./figure.ts";

const rounds = 7;
const goalSeconds = 2.5;

export const boot: Benchmark = async () => {
  const cacheDir = process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";
  const stateDir = "/var/lib/cantrip-bench-boot";
  const machines = openMachines({
    id: "ct-bench-boot",
    bridge: "ctbenchboot0",
    subnet: "10.79.1.0/24",
    stateDir,
    cacheDir,
  });
  try {
    await machines.prepare();
    const [ours, systemd]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      const began = performance.now();
      await machines.create({ name: "boot" });
      await machines.start("boot");
      await machines.waitBooted("boot");
      ours.push((performance.now() - began) / 1000);
      const { stdout } = await machines.exec("boot", ["systemd-analyze", "time"]);
      systemd.push(secondsIn(stdout));
      await machines.destroy("boot");
    }
    const [value, own] = [median(ours), median(systemd)];
    return [
      {
        name: "machine, image to booted",
        value,
        unit: "s",
        yardstick: { name: "systemd's own boot", value: own },
        ratio: value / own,
        goal: `≤ ${goalSeconds} s`,
        ok: value <= goalSeconds,
      },
    ];
  } finally {
    await machines.cleanup();
    await machines.restore();
    rmSync(stateDir, { recursive: true, force: true });
  }
};

/** `Startup finished in 312ms (userspace)`, `… = 1.204s` */
function secondsIn(text: string): number {
  const first = text.split("\n")[0] ?? "";
  const total = first.split("=").at(-1) ?? first;
  return [...total.matchAll(/([\d.]+)(min|ms|s)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (unit === "min" ? 60 : unit === "ms" ? 0.001 : 1),
    0,
  );
}
