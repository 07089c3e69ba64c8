/** What the image has besides Debian's packages: every file that we put in, and the units that we turn on and off. */

export const imagePackages = [
  "systemd",
  "systemd-sysv",
  "dbus",
  "iproute2",
  "iptables",
  "nftables",
  "ipset",
  "conntrack",
  "kmod",
  "ca-certificates",
  "runc",
  "procps",
  "libatomic1", // Node, the runtime of daemons and charms, is linked against it
  "socat",
  "mount",
  "ethtool",
  "curl",
  "python3",
  "openssh-server",
  "sudo",
  "iputils-ping",
] as const;

/** Runs before anything else of ours in the machine, with what the provider left in /run/cantrip-machine and -shared. */
const setupScript = `#!/bin/sh
# Makes this machine a place where Kubernetes runs, and brings its address up. Runs at every boot.
set -eu
. /run/cantrip-machine/network
# The kubelet and kube-proxy write sysctls, the container runtime makes control groups; nspawn leaves both read-only.
mount -o remount,rw,bind /proc/sys
while read -r _ path type _; do
  case $type in cgroup | cgroup2) mount -o remount,rw,bind "$path" ;; esac
done </proc/mounts
mount --make-rshared /
ip link set lo up
ip link set host0 mtu "$MTU" up
ip address replace "$ADDRESS" dev host0
ip route replace default via "$GATEWAY"
cp /run/cantrip-shared/resolv.conf /etc/resolv.conf
exec /usr/lib/cantrip/update-hosts
`;

const updateHostsScript = `#!/bin/sh
# Puts the names of the instance's machines into /etc/hosts, and leaves every line that is not between our marks.
set -eu
new=$(mktemp /etc/.hosts.XXXXXX)
sed '/^# cantrip: begin$/,/^# cantrip: end$/d' /etc/hosts >"$new"
cat /run/cantrip-shared/hosts >>"$new"
chmod 644 "$new"
mv "$new" /etc/hosts
`;

const sshKeysScript = `#!/bin/sh
set -eu
for type in ed25519 ecdsa; do
  key=/etc/ssh/ssh_host_\${type}_key
  [ -e "$key" ] || ssh-keygen -q -t "$type" -N "" -f "$key"
done
`;

const setupUnit = `[Unit]
Description=Cantrip machine set-up (kernel settings, control groups, address)
DefaultDependencies=no
Before=basic.target network-pre.target network.target network-online.target shutdown.target
Wants=network-pre.target network.target
After=local-fs.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/cantrip/machine-setup

[Install]
WantedBy=basic.target network-online.target
`;

const sshKeysUnit = `[Unit]
Description=OpenSSH host keys of this machine
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/cantrip/ssh-keys

[Install]
WantedBy=multi-user.target
`;

export const imageFiles: readonly { path: string; content: string; mode?: number }[] = [
  { path: "/usr/lib/cantrip/machine-setup", content: setupScript, mode: 0o755 },
  { path: "/usr/lib/cantrip/update-hosts", content: updateHostsScript, mode: 0o755 },
  { path: "/usr/lib/cantrip/ssh-keys", content: sshKeysScript, mode: 0o755 },
  { path: "/etc/systemd/system/cantrip-machine-setup.service", content: setupUnit },
  { path: "/etc/systemd/system/cantrip-ssh-keys.service", content: sshKeysUnit },
  {
    path: "/etc/systemd/journald.conf.d/cantrip.conf",
    content: "[Journal]\nStorage=persistent\nReadKMsg=no\nSystemMaxUse=128M\n",
  },
  {
    path: "/etc/systemd/system.conf.d/cantrip.conf",
    content: "[Manager]\nDefaultEnvironment=LANG=C.UTF-8\nDefaultTimeoutStopSec=20s\n",
  },
  { path: "/etc/default/locale", content: "LANG=C.UTF-8\n" },
  { path: "/etc/locale.conf", content: "LANG=C.UTF-8\n" },
  { path: "/etc/hosts", content: "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" },
  { path: "/etc/sudoers.d/ubuntu", content: "ubuntu ALL=(ALL:ALL) NOPASSWD:ALL\n", mode: 0o440 },
  { path: "/etc/fstab", content: "" },
];

export const enabledUnits: readonly { unit: string; target: string }[] = [
  { unit: "cantrip-machine-setup.service", target: "basic.target.wants" },
  { unit: "cantrip-machine-setup.service", target: "network-online.target.wants" },
  { unit: "cantrip-ssh-keys.service", target: "multi-user.target.wants" },
];

/** Defaults of the image that would change the host's kernel, which machines share, and not the machine. */
export const maskedFiles = ["/etc/sysctl.d/50-pid-max.conf", "/etc/sysctl.d/99-protect-links.conf"] as const;

/** Units that a machine of ours does not need and that would take time at boot, or run behind the user's back. */
export const maskedUnits = [
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "dpkg-db-backup.timer",
  "e2scrub_all.timer",
  "e2scrub_reap.service",
  "fstrim.timer",
  "console-getty.service",
  "getty@.service",
  "systemd-logind.service",
  "systemd-networkd.service",
  "systemd-networkd.socket",
  "systemd-networkd-wait-online.service",
  "systemd-timesyncd.service",
  "systemd-udevd.service",
  "systemd-binfmt.service",
  "systemd-pcrphase.service",
  "systemd-pcrphase-sysinit.service",
  "nftables.service",
] as const;
