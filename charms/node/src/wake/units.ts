/** The systemd units that wake a unit. */
export function watchUnit(facts: {
  name: string;
  script: string;
  unit: string;
  node: string;
  kubeconfig: string;
}): string {
  const { name, script, unit, node, kubeconfig } = facts;
  return `[Unit]
Description=Wakes ${unit} when the API shows something new about its node
After=network.target
[Service]
ExecStart=${script} ${unit} ${node} ${kubeconfig}
RuntimeDirectory=${name}-watch
RuntimeDirectoryMode=0700
Restart=always
RestartSec=2
KillMode=control-group
MemoryMax=64M
[Install]
WantedBy=multi-user.target
`;
}

/**
 * Ends at once and leaves the waiting for its turn to a transient service: a timer that elapses while its service is active
 * starts nothing, and the hook that arms it anew may be the very one that the last wake runs.
 */
export function wakeUnit(unit: string): string {
  return `[Unit]
Description=Wakes ${unit}
CollectMode=inactive-or-failed
StartLimitIntervalSec=0
[Service]
Type=oneshot
ExecStart=systemd-run --quiet --collect --no-block -p RuntimeMaxSec=600 -- juju-exec ${unit} "JUJU_DISPATCH_PATH=hooks/update-status ./dispatch"
`;
}

/** Armed anew by many hooks in a row, which is no failure. */
export function timerUnit(unit: string, seconds: number): string {
  return `[Unit]
Description=Wakes ${unit} in moments
StartLimitIntervalSec=0
[Timer]
OnActiveSec=${seconds}
AccuracySec=100ms
`;
}
