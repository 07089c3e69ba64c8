/**
 * The watcher: a shell and a curl. Measured beside a running cluster, they have 13 MB resident, of which 2 MB are their own
 * and the rest is shared with every other process that has the same libraries; a kubectl watch has 49 MB resident, 12 MB
 * its own, and our runtime 60 MB. curl holds a watch of the own Node open with the kubelet's credentials (a kubelet may
 * watch its own Node and no other); the shell compares the two facts that the unit's status is made of, and wakes the unit
 * when they change.
 */
export const WATCH_NODE = String.raw`#!/bin/sh
# Wakes UNIT when the API shows something new about NODE. Installed by the unit's charm, which also removes it.
# usage: watch-node UNIT NODE KUBECONFIG
set -u
unit=$1 node=$2 kubeconfig=$3
pems=$RUNTIME_DIRECTORY

# field NAME: the first value of that name in the kubeconfig, be it YAML or JSON with a line for each value.
field() {
  sed -n "s/^[ -]*\"\{0,1\}$1\"\{0,1\}: *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$kubeconfig" | head -n 1
}

# pem NAME: the file with that certificate or key; embedded ones are written where only root reads.
pem() {
  path=$(field "$1")
  if [ -z "$path" ]; then
    path=$pems/$1.pem
    (umask 077; field "$1-data" | base64 -d > "$path")
  fi
  echo "$path"
}

# One line for each event. Bookmarks come about every minute, so a connection that stays silent longer is dead.
watch() {
  curl --silent --show-error --fail --no-buffer \
    --connect-timeout 5 --speed-limit 1 --speed-time 150 \
    --cacert "$(pem certificate-authority)" --cert "$(pem client-certificate)" --key "$(pem client-key)" \
    "$(field server)/api/v1/nodes?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name%3D$node"
}

# The API server ends every watch after a while; only what fails twice in a row is worth telling.
events() {
  failures=0
  while :; do
    started=$(date +%s)
    if watch || [ $(($(date +%s) - started)) -ge 5 ]; then failures=0; else failures=$((failures + 1)); fi
    [ "$failures" -lt 2 ] || echo unreachable
    sleep 1
  done
}

# extract EVENT TEXT: what follows TEXT up to the next quote.
extract() {
  printf '%s\n' "$1" | sed -n "s/.*$2\([^\"]*\)\".*/\1/p"
}

# state EVENT: sets $state to what the status depends on; fails for events that say nothing about it.
state() {
  case $1 in
    unreachable) state=unreachable ;;
    '{"type":"DELETED"'*) state=deleted ;;
    '{"type":"ADDED"'* | '{"type":"MODIFIED"'*)
      state="$(extract "$1" '"type":"Ready","status":"') $(extract "$1" '"kubeletVersion":"')" ;;
    *) return 1 ;;
  esac
}

# juju-exec waits its turn among the hooks of the machine. In a service of its own, as the hook may stop this watcher.
wake() {
  systemd-run --quiet --collect --wait -p RuntimeMaxSec=600 -- \
    juju-exec "$unit" 'JUJU_DISPATCH_PATH=hooks/update-status ./dispatch'
}

events | {
  seen=
  while IFS= read -r event; do
    state "$event" || continue
    [ "$state" != "$seen" ] || continue
    until wake; do sleep 5; done
    seen=$state
  done
}
`;
