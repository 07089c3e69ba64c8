/** Installs what the tests on real machines need: the packages that `cantrip up` would install, and those of the tests alone. */
import { hostPackages, installPackages, missingPackages, type HostPackage } from "../up/src/host-packages.ts";

const ofTests: readonly HostPackage[] = [
  { name: "strace", provides: ["strace"], why: "tests of the order in which files are written" },
  { name: "iptables", provides: ["iptables"], why: "tests of firewalls of Docker's kind" },
];

const ofEmulation: readonly HostPackage[] = [
  { name: "qemu-system-x86", provides: ["qemu-system-x86_64"], why: "emulates a host with systemd" },
  { name: "e2fsprogs", provides: ["mkfs.ext4"], why: "makes its disks" },
];

try {
  const wanted = process.argv.includes("--emulation") ? [...ofTests, ...ofEmulation] : ofTests;
  await installPackages(missingPackages([...hostPackages, ...wanted]), (line) => console.log(`  ${line}`));
} catch (error) {
  console.error(`ERROR ${(error as Error).message}`);
  process.exitCode = 1;
}
