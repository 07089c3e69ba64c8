/**
 * A computer of another kind than the build machines are: Debian with systemd as PID 1 and control groups of version 2
 * alone, emulated by QEMU (no KVM is asked for), without a network. It runs one script and powers off.
 * Needs root, qemu-system-x86, mmdebstrap and e2fsprogs.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootstrapDebian } from "../src/debian.ts";
import { must, run } from "../src/run.ts";

export interface EmulatedHost {
  /** Debian packages that it has, beside those that make it boot. */
  readonly packages: readonly string[];
  /** What it sees of this host: copies, which it may change. */
  readonly folders: readonly HostFolder[];
  /** A shell script that root runs when it is up; what it writes to /data/report is the answer. */
  readonly script: string;
  readonly onOutput: (text: string) => void;
  readonly timeoutMs: number;
}

export interface HostFolder {
  readonly source: string;
  readonly target: string;
  /** Entries of the folder that stay here. */
  readonly without?: readonly string[];
}

const bootPackages = ["systemd", "systemd-sysv", "dbus", "udev", "linux-image-cloud-amd64"];

const unit = `[Unit]
After=basic.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh /data/script
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/ttyS0
ExecStopPost=/bin/systemctl --no-block poweroff
`;

/** What the script left in /data/report. @throws Error if there is none: it never came so far, or not within its bound */
export async function runOnEmulatedHost(host: EmulatedHost): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "emulated-host-"));
  try {
    const [system, data] = [await systemDisk(folder, host), await dataDisk(folder, host)];
    await boot(folder, [system, data], host);
    await run(["debugfs", "-R", `dump /report ${join(folder, "report")}`, data], { timeoutMs: 60_000 });
    return await readFile(join(folder, "report"), "utf8").catch((cause: unknown) => {
      throw new Error(
        `The emulated host wrote no report within ${host.timeoutMs / 60_000} min: see its console`,
        {
          cause,
        },
      );
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function systemDisk(folder: string, { packages, folders, onOutput }: EmulatedHost): Promise<string> {
  const root = join(folder, "root");
  await bootstrapDebian(root, {
    options: ["--variant=minbase", "--mode=root", "--format=directory"],
    packages: [...bootPackages, ...packages],
    onProgress: (line) => onOutput(`${line}\n`),
  });
  const units = join(root, "etc/systemd/system");
  await writeFile(join(units, "task.service"), unit);
  await symlink("/etc/systemd/system/task.service", join(units, "multi-user.target.wants/task.service"));
  await symlink("/dev/null", join(units, "serial-getty@.service"));
  const binds = folders.map(({ target }, index) => `/data/${index} ${target} none bind 0 0\n`);
  const mounts = ["/dev/vda / ext4 rw 0 1\n", "/dev/vdb /data ext4 rw 0 2\n", ...binds];
  await writeFile(join(root, "etc/fstab"), mounts.join(""));
  await writeFile(join(root, "etc/hostname"), "emulated\n");
  for (const place of ["/data", ...folders.map(({ target }) => target)])
    await mkdir(join(root, place), { recursive: true });
  return await makeDisk(root, join(folder, "system.img"), "8G");
}

async function dataDisk(folder: string, { folders, script }: EmulatedHost): Promise<string> {
  const data = join(folder, "data");
  await mkdir(data);
  await writeFile(join(data, "script"), script);
  for (const [index, { source, without = [] }] of folders.entries()) {
    await mkdir(join(data, `${index}`));
    const entries = (await readdir(source)).filter((name) => !without.includes(name));
    const paths = entries.map((name) => join(source, name));
    await must(["cp", "--archive", "--reflink=auto", "--", ...paths, join(data, `${index}`)], {
      timeoutMs: 300_000,
    });
  }
  return await makeDisk(data, join(folder, "data.img"), "6G");
}

async function makeDisk(from: string, disk: string, size: string): Promise<string> {
  await must(["truncate", `--size=${size}`, disk]);
  await must(["mkfs.ext4", "-q", "-d", from, disk], { timeoutMs: 600_000 });
  return disk;
}

async function boot(folder: string, disks: readonly string[], host: EmulatedHost): Promise<void> {
  const kernel = join(folder, "root/boot");
  const files = await readdir(kernel);
  const file = (prefix: string) => join(kernel, files.find((name) => name.startsWith(prefix)) ?? prefix);
  const argv = ["-accel", "tcg,thread=multi", "-cpu", "max", "-m", "4096", "-smp", "2", "-nic", "none"];
  argv.push("-nographic", "-no-reboot", "-kernel", file("vmlinuz-"), "-initrd", file("initrd.img-"));
  argv.push("-append", "root=/dev/vda rw console=ttyS0 quiet");
  for (const disk of disks) argv.push("-drive", `file=${disk},format=raw,if=virtio,cache=unsafe`);
  const qemu = spawn("qemu-system-x86_64", argv, { stdio: ["ignore", "pipe", "inherit"] });
  const patience = setTimeout(() => qemu.kill("SIGKILL"), host.timeoutMs);
  for await (const chunk of qemu.stdout) host.onOutput(String(chunk));
  clearTimeout(patience);
}
