/**
 * Runs the nspawn provider on the other kind of host, systemd as PID 1 and control groups of version 2 alone, in an
 * emulated computer (no KVM needed; some six minutes): node machines/scripts/systemd-host.ts
 * Needs root, qemu-system-x86, mmdebstrap and e2fsprogs. Prints what systemd-host-check.ts saw; exits 0 if all held.
 */
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ensureImage } from "../src/image.ts";
import { must } from "../src/run.ts";

const packages = [
  "systemd",
  "systemd-sysv",
  "dbus",
  "udev",
  "iproute2",
  "nftables",
  "iptables",
  "systemd-container",
  "util-linux",
  "kmod",
  "mmdebstrap",
  "debian-archive-keyring",
  "procps",
  "libatomic1",
  "linux-image-cloud-amd64",
];

const checkUnit = `[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/opt/node /opt/machines/scripts/systemd-host-check.ts >/dev/ttyS0 2>&1; systemctl --no-block poweroff'
`;

async function makeDisk(folder: string): Promise<string> {
  const root = join(folder, "root");
  const image = await ensureImage({ cacheDir: process.env.CANTRIP_CACHE ?? "/var/cache/cantrip" });
  await must(["mmdebstrap", "--variant=minbase", `--include=${packages.join(",")}`, "bookworm", root], {
    timeoutMs: 600_000,
  });
  await cp(process.execPath, join(root, "opt/node"));
  await cp(join(import.meta.dirname, ".."), join(root, "opt/machines"), { recursive: true });
  const key = image.split("/").at(-2) ?? "";
  await mkdir(join(root, "var/cache/cantrip/images"), { recursive: true });
  await must(["cp", "--archive", dirname(image), join(root, "var/cache/cantrip/images", key)], {
    timeoutMs: 120_000,
  });
  const units = join(root, "etc/systemd/system");
  await writeFile(join(units, "check.service"), checkUnit);
  await symlink("/etc/systemd/system/check.service", join(units, "multi-user.target.wants/check.service"));
  await symlink("/dev/null", join(units, "serial-getty@.service"));
  await writeFile(join(root, "etc/fstab"), "/dev/vda / ext4 rw 0 1\n");
  const disk = join(folder, "disk.img");
  await must(["truncate", "--size=3G", disk]);
  await must(["mkfs.ext4", "-q", "-d", root, disk], { timeoutMs: 300_000 });
  return disk;
}

async function boot(folder: string, disk: string): Promise<string> {
  const files = await readdir(join(folder, "root/boot"));
  const file = (prefix: string) =>
    join(folder, "root/boot", files.find((name) => name.startsWith(prefix)) ?? "");
  const argv = ["-m", "3072", "-smp", "2", "-nographic", "-no-reboot", "-nic", "none"];
  argv.push(
    "-kernel",
    file("vmlinuz-"),
    "-initrd",
    file("initrd.img-"),
    "-append",
    "root=/dev/vda rw console=ttyS0 quiet",
  );
  const qemu = spawn("qemu-system-x86_64", [...argv, "-drive", `file=${disk},format=raw,if=virtio`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const patience = setTimeout(() => qemu.kill("SIGKILL"), 1_800_000);
  let output = "";
  for await (const chunk of qemu.stdout) {
    output += String(chunk);
    process.stdout.write(String(chunk));
  }
  clearTimeout(patience);
  return output;
}

const folder = await mkdtemp(join(tmpdir(), "systemd-host-"));
try {
  const output = await boot(folder, await makeDisk(folder));
  process.exitCode = output.includes("CHECK: all held") ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
